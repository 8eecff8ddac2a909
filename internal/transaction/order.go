package transaction

import (
	"regexp"
	"time"

	"github.com/shopspring/decimal"

	"sespan/internal/problem"
)

// Order is what a draw is made for.
type Order struct {
	CustomerID  int64
	OrderRef    string          // 1 to 64 of A-Za-z0-9._:/#-
	Amount      decimal.Decimal // what the order costs without a discount
	ClientNonce string          // what the browser adds to the draw: at most 64 of A-Za-z0-9._~+/=:-
}

// Result is a draw as it stands in the transaction log.
type Result struct {
	TransactionID    int64
	CustomerID       int64
	OrderRef         string
	TierID           *int64 // nil: no tier matched
	Discounted       bool
	Amount           decimal.Decimal
	DiscountedAmount decimal.Decimal // what the customer pays
	Time             time.Time
	Replay           bool // the order had been drawn before
}

// OrderRefPattern is what the name of an order may be.
const OrderRefPattern = `^[A-Za-z0-9._:/#-]{1,64}$`

var (
	orderRefPattern = regexp.MustCompile(OrderRefPattern)
	noncePattern    = regexp.MustCompile(`^[A-Za-z0-9._~+/=:-]{0,64}$`)
)

// Validate gives a problem.Invalid whose Field is the property's name, for money
// with m decimals.
func (o Order) Validate(m Minor) error {
	if o.CustomerID < 1 {
		return invalid("customer_id", "A customer id is a whole number above 0.")
	}
	if !orderRefPattern.MatchString(o.OrderRef) {
		return invalid("order_ref", "An order_ref has 1 to 64 of the characters A-Z a-z 0-9 . _ : / # -")
	}
	if !noncePattern.MatchString(o.ClientNonce) {
		return invalid("client_nonce", "A client_nonce has at most 64 of the characters A-Z a-z 0-9 . _ ~ + / = : -")
	}
	if err := m.checkAmount(o.Amount); err != nil {
		return invalid("transaction_amount", "%s", err.(*problem.Problem).Detail) //nolint:errorlint,forcetypeassert // checkAmount makes it
	}
	return nil
}

// key is what an order is drawn once for.
type key struct {
	customerID int64
	orderRef   string
}

func (o Order) key() key { return key{o.CustomerID, o.OrderRef} }
