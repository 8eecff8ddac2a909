package postgres

import (
	"cmp"
	"context"
	"time"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/transaction"
)

// Settled gives a moment before which every draw and cancellation is over.
func (s *Records) Settled(ctx context.Context) (time.Time, error) {
	settled, err := s.pool.queries.TransactionSettled(ctx, s.db())
	return settled, mapError(err)
}

// DrawsAfter gives records by their time, at the most n.
func (s *Records) DrawsAfter(ctx context.Context, f transaction.Filter, after transaction.Position, n int) ([]transaction.Record, error) {
	records, err := s.drawsAfter(ctx, f, cmp.Or(after.Time, firstTime), after.ID, int32(n)) //nolint:gosec // a page
	if err != nil {
		return nil, mapError(err)
	}
	return records, s.nameTiers(ctx, records)
}

func (s *Records) drawsAfter(ctx context.Context, f transaction.Filter, after time.Time, id int64, n int32) ([]transaction.Record, error) {
	q, db := s.pool.queries, s.db()
	switch {
	case f.CustomerID != nil:
		tiers, err := s.tiersOfCustomer(ctx, f)
		if err != nil {
			return nil, err
		}
		rows, err := q.TransactionEntriesOfCustomer(ctx, db, &dbsqlc.TransactionEntriesOfCustomerParams{
			CustomerID: *f.CustomerID, TierIds: tiers, Outcomes: outcomesOf(f), Until: f.To, AfterTime: after, AfterID: id, PageRows: n,
		})
		return recordsOf(rows), err
	case f.TierID != nil:
		rows, err := q.TransactionEntriesOfTier(ctx, db, &dbsqlc.TransactionEntriesOfTierParams{
			TierID: *f.TierID, Outcomes: outcomesOf(f), Until: f.To, AfterTime: after, AfterID: id, PageRows: n,
		})
		return recordsOf(rows), err
	}
	rows, err := q.TransactionEntries(ctx, db, &dbsqlc.TransactionEntriesParams{Outcomes: outcomesOf(f), Until: f.To, AfterTime: after, AfterID: id, PageRows: n})
	return recordsOf(rows), err
}

// CancellationsAfter gives records by the time of their cancellation, at the most n.
func (s *Records) CancellationsAfter(ctx context.Context, f transaction.Filter, after transaction.Position, n int) ([]transaction.Record, error) {
	rows, err := s.pool.queries.TransactionCancellations(ctx, s.db(), &dbsqlc.TransactionCancellationsParams{
		Until: f.To, AfterTime: cmp.Or(after.Time, firstTime), AfterID: after.ID, PageRows: int32(n), //nolint:gosec // a page
	})
	if err != nil {
		return nil, mapError(err)
	}
	records := recordsOf(rows)
	return records, s.nameTiers(ctx, records)
}
