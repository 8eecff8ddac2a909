package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

// drawService draws orders: transaction.Service.
type drawService interface {
	Draw(ctx context.Context, o transaction.Order, log func(transaction.Result) (apilog.Entry, bool)) (transaction.Result, error)
}

type drawBody struct {
	OrderRef          orderRef      `json:"order_ref"`
	TransactionAmount string        `json:"transaction_amount" maxLength:"40" pattern:"^[0-9]{1,15}(\\.[0-9]{1,4}0*)?$" example:"150000.00" doc:"What the order costs without a discount; an order of nothing is not discounted. Zeros at its end change nothing."`
	ClientNonce       string        `json:"client_nonce,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9._~+/=:-]{0,64}$" example:"q83vASNFZ4k=" doc:"What the browser adds to the draw, so that the shop cannot know the result beforehand."`
	CustomerID        *customerID   `json:"customer_id,omitempty" doc:"With a service key only, and then it is needed; a customer token names the customer itself."`
	CustomerTable     customerTable `json:"customer_table,omitempty" maxLength:"260" example:"public.auth_user" doc:"The table whose key the customer_id is, schema.table as in SQL: another one than bind-customers has bound is refused with 409. With a service key only; a customer token has it as a claim."`
}

type drawRequest struct{ Body drawBody }

type drawAnswer struct {
	TransactionID     int64     `json:"transaction_id" example:"1"`
	TierID            *int64    `json:"tier_id" doc:"null when no tier matches the amount."`
	Discounted        bool      `json:"discounted" doc:"Whether the order won."`
	TransactionAmount string    `json:"transaction_amount" example:"150000.00"`
	DiscountedAmount  string    `json:"discounted_amount" example:"135000.00" doc:"What the customer pays."`
	TransactionTime   time.Time `json:"transaction_time" doc:"When the draw was made."`
}

type drawResponse struct {
	Status int
	Body   drawAnswer
}

// drawCalls are the operations on transactions.
type drawCalls struct {
	draws  drawService
	minor  transaction.Minor
	tables customerTables
}

func registerTransaction(api huma.API, draws drawService, minor transaction.Minor, tables customerTables) {
	h := drawCalls{draws, minor, tables}
	op := describe(operation(apilog.Transaction, http.MethodPost, "/v1/transactions", "draw-transaction", "Draw the discount of an order",
		http.StatusCreated, access.RoleCustomer, access.RoleService),
		"Draws once for each order of a customer. The same order again gives the same result with 200; another amount for it is a conflict. "+
			"With a customer token, order_ref and transaction_amount must be those of the token.")
	register(api, op, h.draw, http.StatusNotFound, http.StatusConflict)
	addResponse(api, op, http.StatusOK, "The order had been drawn before; this is that result.")
}

func (h drawCalls) draw(ctx context.Context, in *drawRequest) (*drawResponse, error) {
	order, err := h.order(ctx, in.Body)
	if err != nil {
		return nil, prefixField(err, "body.")
	}
	requestContextOf(ctx).customerID = &order.CustomerID
	rec := recorderOf(ctx) // before the draw, whose transaction writes this call's log row
	here := false          // of the last try; read only when the draw has been made
	result, err := h.draws.Draw(ctx, order, func(r transaction.Result) (e apilog.Entry, _ bool) {
		out := h.response(r)
		e, here = rec.Here(out.Status, out.Body)
		return e, here
	})
	if err != nil {
		return nil, prefixField(err, "body.")
	}
	if !result.Replay { // a replay is logged as any other call
		c := requestContextOf(ctx)
		c.quota, c.keep = "", true
		if here {
			rec.MarkWritten()
		}
	}
	return h.response(result), nil
}

func (h drawCalls) order(ctx context.Context, b drawBody) (transaction.Order, error) {
	o := transaction.Order{OrderRef: string(b.OrderRef), ClientNonce: b.ClientNonce}
	var err error
	if o.Amount, err = h.minor.Amount(b.TransactionAmount); err != nil {
		if p, ok := errors.AsType[*problem.Problem](err); ok {
			return o, p.AtField("transaction_amount")
		}
		return o, err
	}
	p, ok := access.From(ctx)
	switch {
	case !ok:
		return o, problem.New(problem.Unauthorized, "A service key or a customer token is needed.")
	case p.Kind == access.KindCustomer:
		if o.CustomerID, err = h.fromToken(p, b, o); err == nil {
			err = customerTable(p.CustomerTable).check(ctx, h.tables)
		}
	case b.CustomerID == nil:
		err = problem.New(problem.Invalid, "A call with a service key names the customer_id.").AtField("customer_id")
	default:
		o.CustomerID = int64(*b.CustomerID)
		err = b.CustomerTable.check(ctx, h.tables)
	}
	return o, err
}

// fromToken gives the customer of a token that was made for just this order.
func (h drawCalls) fromToken(p access.Principal, b drawBody, o transaction.Order) (int64, error) {
	mismatch := func(field string) error {
		return problem.Newf(problem.TokenMismatch, "The token was not made for this %s.", field).AtField(field)
	}
	if b.CustomerID != nil {
		return 0, problem.New(problem.TokenMismatch, "A customer token names the customer; leave customer_id out.").AtField("customer_id")
	}
	if b.CustomerTable != "" {
		return 0, problem.New(problem.TokenMismatch, "A customer token names the customer's table; leave customer_table out.").AtField("customer_table")
	}
	if p.OrderRef != string(b.OrderRef) {
		return 0, mismatch("order_ref")
	}
	if amount, err := h.minor.Amount(p.Amount); err != nil || !amount.Equal(o.Amount) {
		return 0, mismatch("transaction_amount")
	}
	id, err := strconv.ParseInt(p.Subject, 10, 64)
	if err != nil || id < 1 {
		return 0, problem.New(problem.TokenMismatch, "The token's subject is not a customer id.")
	}
	return id, nil
}

func (h drawCalls) response(r transaction.Result) *drawResponse {
	out := &drawResponse{Status: http.StatusCreated, Body: drawAnswer{
		TransactionID: r.TransactionID, TierID: r.TierID, Discounted: r.Discounted,
		TransactionAmount: h.minor.Format(r.Amount), DiscountedAmount: h.minor.Format(r.DiscountedAmount),
		TransactionTime: r.Time.UTC(),
	}}
	if r.Replay {
		out.Status = http.StatusOK
	}
	return out
}
