package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lazyTx is one transaction in as few round trips as its decisions need. It
// stands in for a connection in sqlc's queries: a statement without a result
// waits, and goes out together with the next one that has a row to give, or with
// the commit. The first statement takes "begin" along, and last makes the next
// row's statement take "commit" along.
//
//	Exec ─┐
//	Exec ─┼─▶ one round trip ─▶ row ─▶ decide ─▶ Exec ─┬─▶ one round trip
//	Row  ─┘                                     commit ─┘
//
// An error of a waiting statement comes from the call that sends it.
type lazyTx struct {
	conn  *pgxpool.Conn
	batch *pgx.Batch
	final bool // the next row ends the transaction
	ended bool
}

var errOneRow = errors.New("postgres: a lazyTx gives one row at a time")

// inLazyTx runs fn in a transaction, commits when it returns nil and rolls back
// when it does not.
func (p *Pool) inLazyTx(ctx context.Context, fn func(*lazyTx) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := &lazyTx{conn: conn, batch: &pgx.Batch{}}
	tx.batch.Queue("begin")
	if err := fn(tx); err != nil {
		tx.rollback(ctx)
		return err
	}
	if err := tx.commit(ctx); err != nil {
		tx.rollback(ctx)
		return err
	}
	return nil
}

// last says that the next row is the transaction's last: it is committed in the
// same round trip, and the row is given only when the commit is done.
func (t *lazyTx) last() *lazyTx {
	t.final = true
	return t
}

// savepoint and rollbackTo bracket statements that are taken back.
func (t *lazyTx) savepoint()  { t.batch.Queue("savepoint sespan") }
func (t *lazyTx) rollbackTo() { t.batch.Queue("rollback to savepoint sespan") }

// Exec lets the statement wait.
func (t *lazyTx) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query is there for sqlc's interface.
func (t *lazyTx) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errOneRow
}

// QueryRow sends what waits and the statement when the row is scanned.
func (t *lazyTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t.batch.Queue(sql, args...)
	return lazyRow{t, ctx}
}

type lazyRow struct {
	tx  *lazyTx
	ctx context.Context //nolint:containedctx // pgx.Row's Scan has no context; the row lives for one call
}

// Scan reads the row. pgx.ErrNoRows when there is none.
func (r lazyRow) Scan(dest ...any) error {
	return r.tx.send(r.ctx, func(results pgx.BatchResults) error { return results.QueryRow().Scan(dest...) })
}

func (t *lazyTx) commit(ctx context.Context) error {
	if t.ended {
		return nil
	}
	t.final = true
	return t.send(ctx, nil)
}

// send makes one round trip of all that waits. row reads the last of it; the
// transaction's end comes after that.
func (t *lazyTx) send(ctx context.Context, row func(pgx.BatchResults) error) (err error) {
	waiting := t.batch.Len()
	if row != nil {
		waiting--
	}
	if t.final {
		t.batch.Queue("commit")
	}
	results := t.conn.SendBatch(ctx, t.batch)
	t.batch = &pgx.Batch{}
	defer func() { err = errors.Join(err, results.Close()) }()
	for range waiting {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	var none error
	if row != nil {
		if none = row(results); none != nil && !errors.Is(none, pgx.ErrNoRows) {
			return none
		}
	}
	if t.final {
		if _, err := results.Exec(); err != nil {
			return err
		}
		t.ended = true
	}
	return none
}

// rollback ends an open transaction; a connection that cannot even do that is
// closed by the pool. What waits has not been sent and is dropped.
func (t *lazyTx) rollback(ctx context.Context) {
	pc := t.conn.Conn().PgConn()
	if pc.IsClosed() || pc.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback") // Release closes a connection that is still in a transaction
}
