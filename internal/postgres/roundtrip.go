package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// roundTrip sends several generated queries in one round trip. Each query is
// called twice: with queue it only notes its statement and arguments, and with
// the roundTrip itself, after send and in the same order, it reads its answer.
type roundTrip struct {
	batch   pgx.Batch
	results pgx.BatchResults
}

// send starts the round trip; close must follow.
func (p *roundTrip) send(ctx context.Context, conn *pgx.Conn) {
	p.results = conn.SendBatch(ctx, &p.batch)
}

// close reads what is left and gives the first error of the round trip.
func (p *roundTrip) close() error { return p.results.Close() }

// Exec, Query and QueryRow make a roundTrip a dbsqlc.DBTX for reading; the
// statement and its arguments have been sent before.

// Exec reads the next answer.
func (p *roundTrip) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return p.results.Exec()
}

// Query reads the next answer.
func (p *roundTrip) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return p.results.Query()
}

// QueryRow reads the next answer.
func (p *roundTrip) QueryRow(context.Context, string, ...any) pgx.Row { return p.results.QueryRow() }

// errQueued is the answer of a query that was only queued; nobody looks at it.
var errQueued = errors.New("postgres: queued")

// queue is a dbsqlc.DBTX that notes queries for the round trip.
type queue struct{ *roundTrip }

// Exec notes the statement.
func (q queue) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	q.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, errQueued
}

// Query notes the statement.
func (q queue) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	q.batch.Queue(sql, args...)
	return nil, errQueued
}

// QueryRow notes the statement.
func (q queue) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	q.batch.Queue(sql, args...)
	return queuedRow{}
}

type queuedRow struct{}

// Scan has nothing to scan yet.
func (queuedRow) Scan(...any) error { return errQueued }
