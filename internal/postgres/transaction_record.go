package postgres

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

// Records reads and cancels transactions: transaction.RecordStore and
// transaction.EntryStore. Each call is planned for itself: one plan for all parameters,
// made while the log was small, would take any of the indexes.
type Records struct{ pool *Pool }

// NewRecords makes the store.
func NewRecords(pool *Pool) *Records { return &Records{pool} }

func (s *Records) db() dbsqlc.DBTX { return customPlans{s.pool} }

// The ends of time, for a filter without bounds.
var (
	firstTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// RecordPage asks the statement whose index has most of the filter.
func (s *Records) RecordPage(ctx context.Context, f transaction.Filter, before transaction.Position, n int) ([]transaction.Record, error) {
	from, until, id, rows := cmp.Or(f.From, firstTime), before.Time, before.ID, int32(n) //nolint:gosec // a page
	if until.IsZero() {
		until, id = lastTime, math.MaxInt64
	}
	records, err := s.recordPage(ctx, f, from, until, id, rows)
	if err != nil {
		return nil, mapError(err)
	}
	return records, s.nameTiers(ctx, records)
}

func (s *Records) recordPage(ctx context.Context, f transaction.Filter, from, until time.Time, id int64, n int32) ([]transaction.Record, error) {
	q, db := s.pool.queries, s.db()
	switch {
	case f.OrderRef != "":
		rows, err := q.TransactionPageOfOrder(ctx, db, &dbsqlc.TransactionPageOfOrderParams{
			OrderRef: f.OrderRef, CustomerID: f.CustomerID, FromTime: from, BeforeTime: until, BeforeID: id, PageRows: n,
		})
		return recordsOf(rows), err
	case f.CustomerID != nil:
		tiers, err := s.tiersOfCustomer(ctx, f)
		if err != nil {
			return nil, err
		}
		rows, err := q.TransactionPageOfCustomer(ctx, db, &dbsqlc.TransactionPageOfCustomerParams{
			CustomerID: *f.CustomerID, TierIds: tiers, Outcomes: outcomesOf(f), FromTime: from, BeforeTime: until, BeforeID: id, PageRows: n,
		})
		return recordsOf(rows), err
	case f.Cancelled != nil && *f.Cancelled:
		rows, err := q.TransactionPageCancelled(ctx, db, &dbsqlc.TransactionPageCancelledParams{FromTime: from, BeforeTime: until, BeforeID: id, PageRows: n})
		return recordsOf(rows), err
	case f.TierID != nil:
		rows, err := q.TransactionPageOfTier(ctx, db, &dbsqlc.TransactionPageOfTierParams{
			TierID: *f.TierID, Outcomes: outcomesOf(f), FromTime: from, BeforeTime: until, BeforeID: id, PageRows: n,
		})
		return recordsOf(rows), err
	}
	rows, err := q.TransactionPage(ctx, db, &dbsqlc.TransactionPageParams{Outcomes: outcomesOf(f), FromTime: from, BeforeTime: until, BeforeID: id, PageRows: n})
	return recordsOf(rows), err
}

// tiersOfCustomer gives the tiers among which the customer's transactions are merged.
func (s *Records) tiersOfCustomer(ctx context.Context, f transaction.Filter) ([]int64, error) {
	if f.TierID != nil {
		return []int64{*f.TierID}, nil
	}
	return s.pool.queries.TransactionTiersOfCustomer(ctx, s.db(), *f.CustomerID)
}

func outcomesOf(f transaction.Filter) []bool {
	if f.Discounted != nil {
		return []bool{*f.Discounted}
	}
	return []bool{false, true}
}

// recordRow is the row of every statement of a page.
type recordRow interface {
	dbsqlc.TransactionPageRow | dbsqlc.TransactionPageOfTierRow | dbsqlc.TransactionPageOfCustomerRow |
		dbsqlc.TransactionPageCancelledRow | dbsqlc.TransactionPageOfOrderRow | dbsqlc.TransactionEntriesRow |
		dbsqlc.TransactionEntriesOfTierRow | dbsqlc.TransactionEntriesOfCustomerRow | dbsqlc.TransactionCancellationsRow
}

func recordsOf[R recordRow](rows []R) []transaction.Record {
	records := make([]transaction.Record, len(rows))
	for i, row := range rows {
		r := dbsqlc.TransactionPageRow(row)
		records[i] = transaction.Record{
			ID: r.TransactionID, CustomerID: r.CustomerID, Username: r.Username, OrderRef: r.OrderRef, TierID: r.TierID,
			Discounted: r.Discounted, CappedBy: r.CappedBy, Amount: decimalOf(r.TransactionAmount),
			DiscountedAmount: decimalOf(r.DiscountedAmount), Time: r.TransactionTime, CancelledAt: r.CancelledAt,
		}
	}
	return records
}

// nameTiers fills in the names of the tiers.
func (s *Records) nameTiers(ctx context.Context, records []transaction.Record) error {
	names := map[int64]*string{}
	for _, r := range records {
		if r.TierID != nil {
			names[*r.TierID] = nil
		}
	}
	if err := s.tierNames(ctx, names); err != nil {
		return err
	}
	for i, r := range records {
		if r.TierID != nil {
			records[i].TierName = names[*r.TierID]
		}
	}
	return nil
}

// tierNames looks the names up of those tiers that have none yet.
func (s *Records) tierNames(ctx context.Context, names map[int64]*string) error {
	var ids []int64
	for id, name := range names {
		if name == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.pool.queries.TierNames(ctx, s.db(), ids)
	for _, row := range rows {
		names[row.TierID] = textOrNil(row.Name)
	}
	return mapError(err)
}

// RecordByID gives one transaction. Errors: problem.UnknownTransaction.
func (s *Records) RecordByID(ctx context.Context, id int64) (transaction.RecordDetail, error) {
	r, err := s.pool.queries.TransactionByID(ctx, s.db(), id)
	if err != nil {
		return transaction.RecordDetail{}, unknownTransaction(err)
	}
	return transaction.RecordDetail{
		Record: transaction.Record{
			ID: r.TransactionID, CustomerID: r.CustomerID, Username: r.Username, OrderRef: r.OrderRef, TierID: r.TierID, TierName: textOrNil(r.TierName),
			Discounted: r.Discounted, CappedBy: r.CappedBy, Amount: decimalOf(r.TransactionAmount),
			DiscountedAmount: decimalOf(r.DiscountedAmount), Time: r.TransactionTime, CancelledAt: r.CancelledAt,
		},
		Version: int(r.DrawVersion), Epoch: r.DrawEpoch.Time, Number: decimalOf(r.DrawNumber), Threshold: decimalOrNil(r.DrawThreshold),
		ClientNonce: r.ClientNonce, SeedHash: r.SeedHash, Seed: r.Seed, InheritedFrom: r.InheritedFrom,
	}, nil
}

// RecordCancel cancels a transaction, once. Errors: problem.UnknownTransaction.
func (s *Records) RecordCancel(ctx context.Context, id int64) error {
	return unknownTransaction(s.pool.asActor(ctx, func(tx *batchTx) error {
		_, err := s.pool.queries.TransactionCancel(ctx, tx.thenCommit(), id)
		return err
	}))
}

func unknownTransaction(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.UnknownTransaction, "There is no transaction with this id.")
	}
	return mapError(err)
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
