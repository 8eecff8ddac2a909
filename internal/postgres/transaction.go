package postgres

import (
	"context"
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
// flusher; every flush takes one and waits for nobody else.
type Transactions struct{ pool *Pool }

// NewTransactions makes the store.
func NewTransactions(pool *Pool) *Transactions { return &Transactions{pool} }

// The frame of a draw. The isolation level is named because a database may have
// another default, and under a stricter one a draw would not see what the holder
// of a tier's lock before it had spent.
const (
	beginDraw  = "begin isolation level read committed"
	commitDraw = "commit"
)

// Draw makes the draws of a batch in two round trips; see transaction.DrawStore.
func (s *Transactions) Draw(ctx context.Context, b transaction.Batch, answer func([]transaction.Result) []apilog.Entry) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return mapError(err)
	}
	defer conn.Release()
	f := &flight{queries: s.pool.queries, conn: conn.Conn(), batch: b}
	err = f.fly(ctx, answer)
	if err != nil && f.conn.PgConn().TxStatus() != 'I' {
		f.rollback(ctx)
	}
	return drawError(err)
}

// flight is one batch on its way through one connection.
type flight struct {
	queries *dbsqlc.Queries
	conn    *pgx.Conn
	batch   transaction.Batch
}

func (f *flight) fly(ctx context.Context, answer func([]transaction.Result) []apilog.Entry) error {
	results, err := f.draw(ctx)
	if err != nil {
		return err
	}
	return f.commit(ctx, answer(results))
}

// draw is the first round trip.
func (f *flight) draw(ctx context.Context) ([]transaction.Result, error) {
	params := drawParams(f.batch)
	var p roundTrip
	p.batch.Queue(beginDraw)
	_, _ = f.queries.TransactionDraw(ctx, queue{&p}, params) // its answer is read below
	p.send(ctx, f.conn)
	results, err := f.read(ctx, &p)
	if closeErr := p.close(); err == nil {
		err = closeErr
	}
	return results, err
}

func (f *flight) read(ctx context.Context, p *roundTrip) ([]transaction.Result, error) {
	if _, err := p.results.Exec(); err != nil {
		return nil, err
	}
	rows, err := f.queries.TransactionDraw(ctx, p, &dbsqlc.TransactionDrawParams{})
	if err != nil {
		return nil, err
	}
	results := make([]transaction.Result, len(rows))
	for i, r := range rows {
		results[i] = transaction.Result{
			TransactionID: r.TransactionID, CustomerID: r.CustomerID, OrderRef: r.OrderRef, TierID: r.TierID,
			Discounted: r.Discounted, Amount: decimalOf(r.TransactionAmount), DiscountedAmount: decimalOf(r.DiscountedAmount),
			Time: r.TransactionTime, Replay: !r.Fresh,
		}
	}
	return results, nil
}

// commit is the second round trip: the log rows, then COMMIT.
func (f *flight) commit(ctx context.Context, entries []apilog.Entry) error {
	var p roundTrip
	if len(entries) > 0 {
		_, _ = f.queries.APILogInsert(ctx, queue{&p}, apiLogParams(entries)) // close gives its error
	}
	p.batch.Queue(commitDraw)
	p.send(ctx, f.conn)
	return p.close()
}

// rollback keeps the connection for the next flush; when it fails the pool drops
// the connection, which ends the transaction as well.
func (f *flight) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = f.conn.Exec(ctx, "rollback")
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
