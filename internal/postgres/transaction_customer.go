package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
	"sespan/internal/stats"
)

// CustomerSums sums transactions up by customer, from the rows: stats.CustomerReader.
// One call of a process runs at a time.
type CustomerSums struct {
	pool *Pool
	turn chan struct{}
	most time.Duration
}

// NewCustomerSums makes the store; a call takes most at most, its waiting included.
func NewCustomerSums(pool *Pool, most time.Duration) *CustomerSums {
	return &CustomerSums{pool, make(chan struct{}, 1), most}
}

// CustomerSums gives the customers with the largest net amounts and the total of all.
// Errors: problem.ReportTooLarge when it takes too long.
func (s *CustomerSums) CustomerSums(ctx context.Context, q stats.CustomerQuery) ([]stats.CustomerCounts, stats.TransactionCounts, error) {
	began := time.Now()
	timer := time.NewTimer(s.most)
	defer timer.Stop()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-timer.C:
		return nil, stats.TransactionCounts{}, tooLarge(errors.New("another report is still being made"))
	case <-ctx.Done():
		return nil, stats.TransactionCounts{}, context.Cause(ctx)
	}
	left := max(s.most-time.Since(began), time.Millisecond).Milliseconds()
	var rows []dbsqlc.TransactionCustomerSumsRow
	err := s.pool.inBatchTx(ctx, func(tx *batchTx) (err error) {
		if err = s.pool.queries.TransactionCustomerSumsBegin(ctx, tx, strconv.FormatInt(left, 10)); err != nil {
			return err
		}
		rows, err = s.pool.queries.TransactionCustomerSums(ctx, tx, &dbsqlc.TransactionCustomerSumsParams{
			FromTime: q.From, ToTime: q.To, TierID: q.TierID, CustomerID: q.CustomerID, Most: int32(q.Limit), //nolint:gosec // at most 1,000
		})
		return err
	})
	switch {
	case isState(err, stateQueryCanceled) && ctx.Err() == nil:
		return nil, stats.TransactionCounts{}, tooLarge(err)
	case err != nil:
		return nil, stats.TransactionCounts{}, mapError(err)
	}
	counts, total := customerCountsOf(rows)
	return counts, total, nil
}

func tooLarge(err error) error {
	return problem.New(problem.ReportTooLarge, "The sums by customer take too long; choose fewer days, one tier, or try again later.").
		WithRetryAfter(time.Minute).WithCause(err)
}

func customerCountsOf(rows []dbsqlc.TransactionCustomerSumsRow) (counts []stats.CustomerCounts, total stats.TransactionCounts) {
	counts = make([]stats.CustomerCounts, len(rows))
	for i, r := range rows {
		counts[i] = stats.CustomerCounts{CustomerID: r.CustomerID, Username: r.Username, TransactionCounts: stats.TransactionCounts{
			Draws: r.Draws, Wins: r.Wins, Capped: r.Capped, Amount: decimalOf(r.Amount), Discount: decimalOf(r.Discount),
			Cancelled: r.Cancelled, CancelledWins: r.CancelledWins, CancelledAmount: decimalOf(r.CancelledAmount), CancelledDiscount: decimalOf(r.CancelledDiscount),
		}}
		total = stats.TransactionCounts{
			Draws: r.AllDraws, Wins: r.AllWins, Capped: r.AllCapped, Amount: decimalOf(r.AllAmount), Discount: decimalOf(r.AllDiscount),
			Cancelled: r.AllCancelled, CancelledWins: r.AllCancelledWins, CancelledAmount: decimalOf(r.AllCancelledAmount),
			CancelledDiscount: decimalOf(r.AllCancelledDiscount),
		}
	}
	return counts, total
}
