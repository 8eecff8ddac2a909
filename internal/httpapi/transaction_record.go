package httpapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

// recordService finds and cancels transactions: transaction.Records.
type recordService interface {
	Find(ctx context.Context, f transaction.Filter, before *transaction.Position, n int) (transaction.RecordPage, error)
	ByID(ctx context.Context, id int64) (transaction.RecordDetail, error)
	Cancel(ctx context.Context, id int64) (transaction.Record, error)
}

// RecordAnswer is a transaction. Exported: huma looks into no other embedded struct.
type RecordAnswer struct {
	TransactionID     int64      `json:"transaction_id" example:"1"`
	CustomerID        string     `json:"customer_id" example:"42"`
	Username          *string    `json:"username" doc:"As it was then."`
	OrderRef          string     `json:"order_ref" example:"A-1001"`
	TierID            *int64     `json:"tier_id" doc:"null when no tier matched."`
	TierName          *string    `json:"tier_name" doc:"Its name now; of a deleted tier its last one."`
	Discounted        bool       `json:"discounted" doc:"Whether the order won."`
	CappedBy          *string    `json:"capped_by" doc:"The limit that turned the win into a loss."`
	TransactionAmount string     `json:"transaction_amount" example:"150000.00" doc:"What the order costs without a discount."`
	DiscountedAmount  string     `json:"discounted_amount" example:"135000.00" doc:"What the customer pays."`
	Discount          string     `json:"discount" example:"15000.00" doc:"What the customer saves."`
	TransactionTime   time.Time  `json:"transaction_time" doc:"When the draw was made."`
	CancelledAt       *time.Time `json:"cancelled_at" doc:"null: it stands."`
}

type drawProof struct {
	DrawVersion   int     `json:"draw_version" doc:"How the number was computed; see docs/draw.md."`
	DrawEpoch     string  `json:"draw_epoch" format:"date" doc:"The UTC day whose seed was used."`
	DrawNumber    string  `json:"draw_number" example:"6148914691236517205" doc:"0 to 2^64-1."`
	DrawThreshold *string `json:"draw_threshold" doc:"The draw won below it; null without a tier."`
	ClientNonce   string  `json:"client_nonce"`
	SeedHash      *string `json:"seed_hash" doc:"SHA-256 of the day's seed, hex: published before the day."`
	Seed          *string `json:"seed" doc:"The day's seed, hex; null until it is published."`
	InheritedFrom *int64  `json:"inherited_from" doc:"The cancelled transaction whose number this one has: its order_ref and client_nonce give the number. null: its own."`
}

type recordDetailAnswer struct {
	RecordAnswer
	Draw drawProof `json:"draw"`
}

type recordListAnswer struct {
	Transactions []RecordAnswer `json:"transactions" nullable:"false"`
	NextCursor   *string        `json:"next_cursor" doc:"For the next page; null at the end. A page looks at a bounded number of rows: with a cursor it may be short, or empty."`
}

type (
	// RecordFilter is the filters of a list of transactions. Exported: huma looks into no other embedded struct.
	RecordFilter struct {
		From       string `query:"from" maxLength:"40" doc:"First moment. An RFC 3339 time, or a date YYYY-MM-DD: the start of that day in SESPAN_TIME_ZONE."`
		To         string `query:"to" maxLength:"40" doc:"First moment after it, written as from."`
		CustomerID string `query:"customer_id" pattern:"^[1-9][0-9]{0,18}$" patternDescription:"a positive integer" maxLength:"19"`
		TierID     string `query:"tier_id" pattern:"^(0|[1-9][0-9]{0,18})$" patternDescription:"an integer, 0 or more" maxLength:"19" doc:"0: those without a tier."`
		Discounted string `query:"discounted" enum:"true,false" doc:"Whether the order won."`
		Cancelled  string `query:"cancelled" enum:"true,false"`
		OrderRef   string `query:"order_ref" pattern:"^[A-Za-z0-9._:/#-]{1,64}$" maxLength:"64"`
	}
	recordListRequest struct {
		RecordFilter
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Of one page; an export has none."`
		Cursor string `query:"cursor" maxLength:"200" doc:"The next_cursor of the page before, with the same filters."`
		Accept string `header:"Accept" doc:"text/csv for an export of all entries in place of a page."`
	}
	recordPath struct {
		TransactionID int64 `path:"transaction_id" minimum:"1"`
	}
	recordResponse       struct{ Body RecordAnswer }
	recordDetailResponse struct{ Body recordDetailAnswer }
)

// recordCalls are the operations on transactions that were drawn.
type recordCalls struct {
	records recordService
	exports *exportCalls
	audit   access.Auditor
	cursors cursors
	minor   transaction.Minor
	zone    *time.Location
}

func registerRecord(api huma.API, d Deps) {
	h := recordCalls{d.Records, newExportCalls(d), d.Audit, cursors{d.Ring}, d.Minor, cmp.Or(d.Zone, time.UTC)}
	list := describe(operation(apilog.Report, http.MethodGet, "/v1/transactions", "list-transactions", "List transactions",
		http.StatusOK, access.RoleReport, access.RoleAdmin),
		"The newest first, page by page. With Accept: text/csv an export of every entry, the oldest first: draws at their time and cancellations at theirs, "+
			"of the last 30 days unless from is given, up to the moment in Sespan-Export-Until, before which nothing will change any more. Each page and export is in the audit.")
	list.Responses = map[string]*huma.Response{"200": h.exports.document(api)}
	register(api, list, h.list)
	register(api, describe(operation(apilog.Report, http.MethodGet, "/v1/transactions/{transaction_id}", "get-transaction", "Show a transaction and its draw",
		http.StatusOK, access.RoleReport, access.RoleAdmin), "Each look is in the audit."), h.get, http.StatusNotFound)
	register(api, describe(operation(apilog.Transaction, http.MethodPost, "/v1/transactions/{transaction_id}/cancel", "cancel-transaction", "Cancel a transaction",
		http.StatusOK, access.RoleService),
		"The row stays, and the same order is never drawn anew. The tier's budgets and per_customer_uses get back what it used; the customer's next order "+
			"in that tier on that UTC day gets its number. Again: the same answer."), h.cancel, http.StatusNotFound)
}

func (h recordCalls) list(ctx context.Context, in *recordListRequest) (*huma.StreamResponse, error) {
	f, err := in.filter(h.zone)
	if err != nil {
		return nil, err
	}
	if prefersCSV(in.Accept) {
		if in.Cursor != "" {
			return nil, problem.New(problem.Invalid, "An export has no pages; leave the cursor out.").AtField("query.cursor")
		}
		return h.exports.begin(ctx, f, in.detail())
	}
	list := in.list()
	before, err := h.position(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	if err := h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditRead, Subject: access.AuditTransaction, Detail: in.detail()}); err != nil {
		return nil, err
	}
	page, err := h.records.Find(ctx, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := recordListAnswer{Transactions: make([]RecordAnswer, len(page.Records))}
	for i, r := range page.Records {
		out.Transactions[i] = h.answer(r)
	}
	if page.Next != nil {
		text := h.cursors.encode(cursor{At: page.Next.Time, ID: strconv.FormatInt(page.Next.ID, 10)}, list)
		out.NextCursor = &text
	}
	return jsonResponse(out), nil
}

// list names the list that a cursor belongs to.
func (f RecordFilter) list() string { return fmt.Sprintf("transactions %q", f) }

// detail tells the audit what was asked for.
func (f RecordFilter) detail() string {
	var given []string
	for _, filter := range [...]struct{ name, value string }{
		{"from", f.From},
		{"to", f.To},
		{"customer_id", f.CustomerID},
		{"tier_id", f.TierID},
		{"discounted", f.Discounted},
		{"cancelled", f.Cancelled},
		{"order_ref", f.OrderRef},
	} {
		if filter.value != "" {
			given = append(given, filter.name+"="+filter.value)
		}
	}
	return strings.Join(given, " ")
}

func (h recordCalls) position(text, list string) (*transaction.Position, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // the first page
	}
	c, err := h.cursors.decode(text, list)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(c.ID, 10, 64)
	if err != nil {
		return nil, errCursor()
	}
	return &transaction.Position{Time: c.At, ID: id}, nil
}

// filter reads the query; the schema has refused other forms.
func (f RecordFilter) filter(zone *time.Location) (transaction.Filter, error) {
	out := transaction.Filter{OrderRef: f.OrderRef, Discounted: boolOf(f.Discounted), Cancelled: boolOf(f.Cancelled)}
	var err error
	if out.From, out.To, err = parseRange(f.From, f.To, zone); err != nil {
		return out, err
	}
	if out.CustomerID, err = idOf("query.customer_id", f.CustomerID); err != nil {
		return out, err
	}
	out.TierID, err = idOf("query.tier_id", f.TierID)
	return out, err
}

func boolOf(s string) *bool {
	if s == "" {
		return nil
	}
	return new(s == "true")
}

func idOf(field, s string) (*int64, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // not asked for
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, problem.New(problem.Invalid, "An id is at most 9223372036854775807.").AtField(field)
	}
	return &id, nil
}

func (h recordCalls) get(ctx context.Context, in *recordPath) (*recordDetailResponse, error) {
	id := strconv.FormatInt(in.TransactionID, 10)
	if err := h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditRead, Subject: access.AuditTransaction, SubjectID: id}); err != nil {
		return nil, err
	}
	d, err := h.records.ByID(ctx, in.TransactionID)
	if err != nil {
		return nil, err
	}
	requestContextOf(ctx).customerID = &d.CustomerID
	proof := drawProof{
		DrawVersion: d.Version, DrawEpoch: d.Epoch.Format(time.DateOnly), DrawNumber: d.Number.String(), ClientNonce: d.ClientNonce,
		SeedHash: hexOrNil(d.SeedHash), Seed: hexOrNil(d.Seed), InheritedFrom: d.InheritedFrom,
	}
	if d.Threshold != nil {
		proof.DrawThreshold = new(d.Threshold.String())
	}
	return &recordDetailResponse{recordDetailAnswer{h.answer(d.Record), proof}}, nil
}

func (h recordCalls) cancel(ctx context.Context, in *recordPath) (*recordResponse, error) {
	r, err := h.records.Cancel(ctx, in.TransactionID)
	if err != nil {
		return nil, err
	}
	requestContextOf(ctx).customerID = &r.CustomerID
	return &recordResponse{h.answer(r)}, nil
}

func (h recordCalls) answer(r transaction.Record) RecordAnswer {
	out := RecordAnswer{
		TransactionID: r.ID, CustomerID: strconv.FormatInt(r.CustomerID, 10), Username: r.Username, OrderRef: r.OrderRef, TierID: r.TierID, TierName: r.TierName,
		Discounted: r.Discounted, CappedBy: r.CappedBy, TransactionAmount: h.minor.Format(r.Amount), DiscountedAmount: h.minor.Format(r.DiscountedAmount),
		Discount: h.minor.Format(r.Discount()), TransactionTime: r.Time.UTC(),
	}
	if r.CancelledAt != nil {
		out.CancelledAt = new(r.CancelledAt.UTC())
	}
	return out
}

func hexOrNil(b []byte) *string {
	if b == nil {
		return nil
	}
	return new(hex.EncodeToString(b))
}

// jsonResponse answers with JSON where the same call can answer otherwise, too.
func jsonResponse(value any) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/json")
		ctx.SetStatus(http.StatusOK)
		enc := json.NewEncoder(ctx.BodyWriter()) // as huma.DefaultJSONFormat does
		enc.SetEscapeHTML(false)
		enc.Encode(value) //nolint:errcheck,errchkjson // it is buffered, and of plain types
	}}
}

// document describes the answer in its two forms.
func (h *exportCalls) document(api huma.API) *huma.Response {
	return &huma.Response{
		Description: "OK",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[recordListAnswer]())},
			"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString, Description: "RFC 4180 with a header; columns as in docs/transactions.md."}},
		},
		Headers: map[string]*huma.Param{exportUntil: {
			Description: "Of an export: its end, before which every draw and cancellation is over.", Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"},
		}},
	}
}
