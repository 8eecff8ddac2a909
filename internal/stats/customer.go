package stats

import (
	"context"
	"time"

	"sespan/internal/problem"
)

// Limits of sums by customer, which are not counted but summed up from the rows.
const (
	MaxCustomers    = 1000
	maxCustomerDays = 92
)

// CustomerQuery asks for the customers of a range with the largest net amounts.
type CustomerQuery struct {
	From, To   time.Time
	TierID     *int64 // nil: all; NoTier: draws without a tier
	CustomerID *int64 // nil: all
	Limit      int    // 1 to MaxCustomers
}

// Check refuses a range that is too long. Errors: problem.Invalid.
func (q CustomerQuery) Check(c Calendar) error {
	if q.From.In(c.Zone).AddDate(0, 0, maxCustomerDays).Before(q.To) {
		return problem.Newf(problem.Invalid, "Sums by customer cover %d days at most; begin later, or group by tier or month.", maxCustomerDays).AtField("query.from")
	}
	return nil
}

// CustomerCounts are the counts of one customer.
type CustomerCounts struct {
	CustomerID int64
	Username   *string // as it was last
	TransactionCounts
}

// CustomerReader sums transactions up by customer: the largest by net amount first, and
// the total of all customers of the query, those beyond the limit included.
type CustomerReader interface {
	CustomerSums(ctx context.Context, q CustomerQuery) (rows []CustomerCounts, total TransactionCounts, err error)
}
