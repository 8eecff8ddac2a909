package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
// another default, and under a stricter one the second step would not see what
// the holder of a tier's lock had spent.
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
		f.rollback()
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
	if len(results) < len(f.batch.Draws) {
		if results, err = f.lookAgain(ctx, results); err != nil {
			return err
		}
	}
	return f.commit(ctx, answer(results))
}

// draw is the first round trip: lock, then draw.
func (f *flight) draw(ctx context.Context) ([]transaction.Result, error) {
	params := drawParams(f.batch)
	var p roundTrip
	p.batch.Queue(beginDraw)
	f.queries.TransactionLockTiers(ctx, queue{&p}, params.Amounts) //nolint:errcheck // queued, read below
	f.queries.TransactionDraw(ctx, queue{&p}, params)              //nolint:errcheck // queued, read below
	p.send(ctx, f.conn)
	rows, err := f.readDraw(ctx, &p)
	if closeErr := p.close(); err == nil {
		err = closeErr
	}
	return rows, err
}

func (f *flight) readDraw(ctx context.Context, p *roundTrip) ([]transaction.Result, error) {
	if _, err := p.results.Exec(); err != nil {
		return nil, err
	}
	locked, err := f.queries.TransactionLockTiers(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	rows, err := f.queries.TransactionDraw(ctx, p, &dbsqlc.TransactionDrawParams{})
	if err != nil {
		return nil, err
	}
	results := make([]transaction.Result, len(rows))
	for i, r := range rows {
		if r.IsCapped && !slices.Contains(locked, *r.TierID) {
			return nil, transaction.ErrTierChanged
		}
		results[i] = transaction.Result{
			TransactionID: r.TransactionID, CustomerID: r.CustomerID, OrderRef: r.OrderRef, TierID: r.TierID,
			Discounted: r.Discounted, Amount: decimalOf(r.TransactionAmount), DiscountedAmount: decimalOf(r.DiscountedAmount),
			Time: r.TransactionTime, Replay: !r.Fresh,
		}
	}
	return results, nil
}

// lookAgain finds the orders that another transaction drew while this one's
// statement ran: it waited for them, but its snapshot is older than they are.
func (f *flight) lookAgain(ctx context.Context, results []transaction.Result) ([]transaction.Result, error) {
	type key struct {
		customer int64
		order    string
	}
	have := make(map[key]bool, len(results))
	for _, r := range results {
		have[key{r.CustomerID, r.OrderRef}] = true
	}
	var customers []int64
	var orders []string
	for _, d := range f.batch.Draws {
		if !have[key{d.CustomerID, d.OrderRef}] {
			customers, orders = append(customers, d.CustomerID), append(orders, d.OrderRef)
		}
	}
	rows, err := f.queries.TransactionByOrder(ctx, f.conn, customers, orders)
	for _, r := range rows {
		results = append(results, transaction.Result{
			TransactionID: r.TransactionID, CustomerID: r.CustomerID, OrderRef: r.OrderRef, TierID: r.TierID,
			Discounted: r.Discounted, Amount: decimalOf(r.TransactionAmount), DiscountedAmount: decimalOf(r.DiscountedAmount),
			Time: r.TransactionTime, Replay: true,
		})
	}
	return results, err
}

// commit is the second round trip: the log rows, then COMMIT.
func (f *flight) commit(ctx context.Context, entries []apilog.Entry) error {
	var p roundTrip
	if len(entries) > 0 {
		f.queries.APILogInsert(ctx, queue{&p}, apiLogParams(entries)) //nolint:errcheck // queued; close gives its error
	}
	p.batch.Queue(commitDraw)
	p.send(ctx, f.conn)
	return p.close()
}

// rollback keeps the connection for the next flush; when it fails the pool drops
// the connection, which ends the transaction as well.
func (f *flight) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	f.conn.Exec(ctx, "rollback") //nolint:errcheck // see above
}

func drawError(err error) error {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok && pe.Code == stateStaleEpoch {
		return transaction.ErrStaleEpoch
	}
	return mapError(err)
}

func drawParams(b transaction.Batch) *dbsqlc.TransactionDrawParams {
	n := len(b.Draws)
	p := &dbsqlc.TransactionDrawParams{
		Ordinals: make([]int32, n), CustomerIds: make([]int64, n), OrderRefs: make([]string, n), Amounts: make([]pgtype.Numeric, n),
		ClientNonces: make([]string, n), DrawNumbers: make([]pgtype.Numeric, n),
		MinorDigits: int32(b.Minor), DrawEpoch: dateOf(b.Epoch.Day), DrawVersion: int16(b.Version), //nolint:gosec // small constants
	}
	for i, d := range b.Draws {
		p.Ordinals[i] = int32(i) //nolint:gosec // bounded by the batch
		p.CustomerIds[i], p.OrderRefs[i], p.ClientNonces[i] = d.CustomerID, d.OrderRef, d.ClientNonce
		p.Amounts[i], p.DrawNumbers[i] = numericOf(d.Amount), numericOfNumber(d.Number)
	}
	return p
}
