package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sespan/internal/apilog"
	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/transaction"
)

// Transactions makes draws and keeps their epochs: transaction.DrawStore and
// transaction.EpochStore. Give it a pool of its own with one connection per
// flusher; every flush takes one, and none waits for another.
type Transactions struct{ pool *Pool }

// NewTransactions makes the store.
func NewTransactions(pool *Pool) *Transactions { return &Transactions{pool} }

// Draw makes the draws of a batch in two round trips, one that locks, draws and
// inserts, one that writes the log rows and commits; see transaction.DrawStore.
func (s *Transactions) Draw(ctx context.Context, b transaction.Batch, answer func([]transaction.Result) []apilog.Entry) error {
	ctx, end := s.pool.flush(ctx, "draw")
	err := s.pool.inBatchTx(ctx, func(tx *batchTx) error {
		rows, err := s.pool.queries.TransactionDraw(ctx, tx, drawParams(b))
		if err != nil {
			return err
		}
		entries := answer(resultsOf(rows))
		if len(entries) == 0 {
			return nil
		}
		return s.pool.queries.APILogInsert(ctx, tx, apiLogParams(entries))
	})
	end(err)
	return drawError(err)
}

func resultsOf(rows []dbsqlc.TransactionDrawRow) []transaction.Result {
	results := make([]transaction.Result, len(rows))
	for i, r := range rows {
		results[i] = transaction.Result{
			TransactionID: r.TransactionID, CustomerID: r.CustomerID, OrderRef: r.OrderRef, TierID: r.TierID,
			Discounted: r.Discounted, Amount: decimalOf(r.TransactionAmount), DiscountedAmount: decimalOf(r.DiscountedAmount),
			Time: r.TransactionTime, Replay: !r.Fresh,
		}
	}
	return results
}

func drawError(err error) error {
	switch {
	case isState(err, stateStaleEpoch):
		return transaction.ErrStaleEpoch
	case isState(err, stateSerializationFailure, stateDeadlockDetected):
		return fmt.Errorf("%w: %w", transaction.ErrTryAgain, err)
	}
	return mapError(err)
}

func drawParams(b transaction.Batch) *dbsqlc.TransactionDrawParams {
	n := len(b.Draws)
	p := &dbsqlc.TransactionDrawParams{
		DrawEpoch: dateOf(b.Epoch.Day), DrawVersion: int16(b.Version), MinorDigits: int32(b.Minor), //nolint:gosec // small constants
		CustomerIds: make([]int64, n), OrderRefs: make([]string, n), Amounts: make([]pgtype.Numeric, n),
		ClientNonces: make([]string, n), DrawNumbers: make([]pgtype.Numeric, n),
	}
	for i, d := range b.Draws {
		p.CustomerIds[i], p.OrderRefs[i], p.ClientNonces[i] = d.CustomerID, d.OrderRef, d.ClientNonce
		p.Amounts[i], p.DrawNumbers[i] = numericOf(d.Amount), numericOfNumber(d.Number)
	}
	return p
}

// EpochToday gives the epoch of the database's UTC day. Errors:
// transaction.ErrNoEpoch.
func (s *Transactions) EpochToday(ctx context.Context) (transaction.SealedEpoch, error) {
	row, err := s.pool.queries.DrawEpochToday(ctx, s.pool)
	if errors.Is(err, pgx.ErrNoRows) {
		return transaction.SealedEpoch{}, transaction.ErrNoEpoch
	}
	e := transaction.SealedEpoch{Day: row.DrawEpoch.Time, SealedSeed: row.SealedSeed}
	copy(e.SeedHash[:], row.SeedHash)
	return e, mapError(err)
}

// EpochsMissing gives the days from today to today+days that have no seed.
func (s *Transactions) EpochsMissing(ctx context.Context, days int) ([]time.Time, error) {
	dates, err := s.pool.queries.DrawEpochMissing(ctx, s.pool, int32(days)) //nolint:gosec // a handful of days
	missing := make([]time.Time, len(dates))
	for i, d := range dates {
		missing[i] = d.Time
	}
	return missing, mapError(err)
}

// EpochsSealed gives the epochs whose seed is not published, oldest first.
func (s *Transactions) EpochsSealed(ctx context.Context) ([]transaction.SealedEpoch, error) {
	rows, err := s.pool.queries.DrawEpochSealed(ctx, s.pool)
	epochs := make([]transaction.SealedEpoch, len(rows))
	for i, row := range rows {
		epochs[i] = transaction.SealedEpoch{Day: row.DrawEpoch.Time, SealedSeed: row.SealedSeed}
		copy(epochs[i].SeedHash[:], row.SeedHash)
	}
	return epochs, mapError(err)
}

// EpochReseal puts another seal around the seed of a day.
func (s *Transactions) EpochReseal(ctx context.Context, e transaction.SealedEpoch, sealed []byte) error {
	return mapError(s.pool.queries.DrawEpochReseal(ctx, s.pool, sealed, dateOf(e.Day), e.SealedSeed))
}

// EpochsInsert stores the seeds of days that have none, and tells how many.
func (s *Transactions) EpochsInsert(ctx context.Context, epochs []transaction.SealedEpoch) (int, error) {
	days, seeds, hashes := make([]pgtype.Date, len(epochs)), make([][]byte, len(epochs)), make([][]byte, len(epochs))
	for i, e := range epochs {
		days[i], seeds[i], hashes[i] = dateOf(e.Day), e.SealedSeed, e.SeedHash[:]
	}
	n, err := s.pool.queries.DrawEpochInsert(ctx, s.pool, days, seeds, hashes)
	return int(n), mapError(err)
}

func dateOf(day time.Time) pgtype.Date { return pgtype.Date{Time: day, Valid: true} }
