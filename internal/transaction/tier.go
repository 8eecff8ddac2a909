package transaction

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"sespan/internal/problem"
)

// Tier says which orders may win, how likely and how much. A nil bound or limit
// is open.
type Tier struct {
	ID                 int64 // 0: not saved yet
	Name               string
	MinimumTransaction *decimal.Decimal // first amount of the tier
	MaximumTransaction *decimal.Decimal // first amount above it
	Probability        decimal.Decimal  // 0..1, at most 18 decimals
	Discount           decimal.Decimal  // fraction of the amount, 0..1, at most 6 decimals
	IsActive           bool
	StartsAt           *time.Time // first moment of the tier
	EndsAt             *time.Time // first moment after it
	MaximumDiscount    *decimal.Decimal
	BudgetAmount       *decimal.Decimal // money that all winners together may save
	BudgetUses         *int64           // winners
	PerCustomerUses    *int32           // wins of one customer
	PerCustomerDraws   *int32           // draws of one customer on one UTC day; later ones cannot win
	CreatedAt          time.Time
	UpdatedAt          time.Time
}

// DefaultPerCustomerDraws a day: a cart that is changed is a new order and a new draw,
// so that without a limit whoever goes on changing it wins.
const DefaultPerCustomerDraws = 3

const (
	maxName                = 100
	maxProbabilityDecimals = 18
	maxDiscountDecimals    = 6
)

var (
	one          = decimal.New(1, 0)
	amountLimit  = decimal.New(1, 15)
	budgetLimit  = decimal.New(1, 18)
	firstMoment  = time.Unix(0, 0).UTC()
	momentsLimit = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// Validate gives a problem.Invalid whose Field is the column's name, for money
// with m decimals. The database has the same rules, for whoever writes there.
func (t Tier) Validate(m Minor) error {
	for _, check := range []error{
		t.checkName(),
		checkMoney("minimum_transaction", t.MinimumTransaction, amountLimit, m),
		checkMoney("maximum_transaction", t.MaximumTransaction, amountLimit, m),
		t.checkOrder(),
		checkFraction("probability", t.Probability, maxProbabilityDecimals),
		checkFraction("discount", t.Discount, maxDiscountDecimals),
		checkMoment("starts_at", t.StartsAt),
		checkMoment("ends_at", t.EndsAt),
		checkMoney("maximum_discount", t.MaximumDiscount, amountLimit, m),
		checkMoney("budget_amount", t.BudgetAmount, budgetLimit, m),
		checkCount("budget_uses", t.BudgetUses),
		checkCount("per_customer_uses", t.PerCustomerUses),
		checkCount("per_customer_draws", t.PerCustomerDraws),
	} {
		if check != nil {
			return check
		}
	}
	return nil
}

func (t Tier) checkName() error {
	n := utf8.RuneCountInString(t.Name)
	if n < 1 || n > maxName || !utf8.ValidString(t.Name) || strings.TrimSpace(t.Name) != t.Name ||
		strings.ContainsFunc(t.Name, unicode.IsControl) {
		return invalid("name", "The name has 1 to %d characters, no control characters and no blanks around it.", maxName)
	}
	return nil
}

func (t Tier) checkOrder() error {
	if t.MaximumTransaction != nil && !t.MaximumTransaction.IsPositive() {
		return invalid("maximum_transaction", "The upper bound is above 0.")
	}
	if t.MinimumTransaction != nil && t.MaximumTransaction != nil && !t.MinimumTransaction.LessThan(*t.MaximumTransaction) {
		return invalid("maximum_transaction", "The upper bound is above the smallest amount.")
	}
	if t.StartsAt != nil && t.EndsAt != nil && !t.StartsAt.Before(*t.EndsAt) {
		return invalid("ends_at", "The end comes after the start.")
	}
	return nil
}

func checkMoney(field string, d *decimal.Decimal, limit decimal.Decimal, m Minor) error {
	if d == nil {
		return nil
	}
	if d.IsNegative() || !d.LessThan(limit) || !d.Equal(d.Truncate(int32(m))) {
		return invalid(field, "Money is 0 or more, less than %s, with at most %d decimals.", limit, m)
	}
	return nil
}

func checkFraction(field string, d decimal.Decimal, decimals int32) error {
	if d.IsNegative() || d.GreaterThan(one) || !d.Equal(d.Truncate(decimals)) {
		return invalid(field, "The %s lies between 0 and 1, with at most %d decimals.", field, decimals)
	}
	return nil
}

func checkMoment(field string, t *time.Time) error {
	if t != nil && (t.Before(firstMoment) || t.After(momentsLimit)) {
		return invalid(field, "The moment lies between the years 1970 and 9999.")
	}
	return nil
}

func checkCount[N int32 | int64](field string, n *N) error {
	if n != nil && *n < 0 {
		return invalid(field, "The number is 0 or more.")
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return problem.Newf(problem.Invalid, format, args...).AtField(field)
}

// overlaps tells whether both tiers may be drawn for one amount at one moment.
func (t Tier) overlaps(o Tier) bool {
	return t.IsActive && o.IsActive &&
		below(t.MinimumTransaction, o.MaximumTransaction) && below(o.MinimumTransaction, t.MaximumTransaction) &&
		before(t.StartsAt, o.EndsAt) && before(o.StartsAt, t.EndsAt)
}

func below(low, high *decimal.Decimal) bool { return low == nil || high == nil || low.LessThan(*high) }

func before(low, high *time.Time) bool { return low == nil || high == nil || low.Before(*high) }

// Overlap is the problem of a tier that stands in the way of another one.
func Overlap(other string, otherID int64) *problem.Problem {
	p := problem.Newf(problem.TierOverlap, "The amounts and moments overlap those of the active tier %s.", other)
	if otherID != 0 {
		return p.With("tier_id", otherID)
	}
	return p
}

func (t Tier) label() string {
	if t.ID == 0 {
		return fmt.Sprintf("%q", t.Name)
	}
	return fmt.Sprintf("%d (%s)", t.ID, t.Name)
}
