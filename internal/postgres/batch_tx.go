package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// batchTx is one transaction whose statements are batched, so that it takes as few
// round trips as its decisions need. It stands in for a connection in sqlc's queries:
// a statement without a result is queued, and is sent with the next one that has rows
// to give, or with the commit. The first batch begins the transaction, and thenCommit
// lets the batch of the next row end it.
//
//	Exec ─┐
//	Exec ─┼─▶ one round trip ─▶ row ─▶ decide ─▶ Exec ─┬─▶ one round trip
//	Row  ─┘                                     commit ─┘
//
// An error of a queued statement comes from the call that sends it.
type batchTx struct {
	conn      *pgxpool.Conn
	batch     *pgx.Batch
	final     bool // the batch of the next row commits
	committed bool
}

// The isolation level is named because a database may have another default: under a
// stricter one a statement that waited for a lock would not see what its holder wrote.
const beginReadCommitted = "begin isolation level read committed"

var errRowsCommit = errors.New("postgres: rows cannot be read in the batch that commits")

// inBatchTx runs fn in a transaction, commits when it returns nil and rolls back
// when it does not.
func (p *Pool) inBatchTx(ctx context.Context, fn func(*batchTx) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := &batchTx{conn: conn, batch: &pgx.Batch{}}
	tx.batch.Queue(beginReadCommitted)
	if err = fn(tx); err == nil && !tx.committed {
		err = tx.commit(ctx)
	}
	if err != nil {
		tx.rollback(ctx)
	}
	return err
}

// thenCommit says that the next row is the transaction's last: it is committed in the
// same round trip, and the row is given only when the commit is done.
func (t *batchTx) thenCommit() *batchTx {
	t.final = true
	return t
}

// savepoint and rollbackTo bracket statements that are undone.
func (t *batchTx) savepoint()  { t.batch.Queue("savepoint sespan") }
func (t *batchTx) rollbackTo() { t.batch.Queue("rollback to savepoint sespan") }

// Exec queues the statement.
func (t *batchTx) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query sends what is queued and the statement.
func (t *batchTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.final {
		return nil, errRowsCommit
	}
	t.batch.Queue(sql, args...)
	results, err := t.send(ctx, 1)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, closeBatch(results, err)
	}
	return batchRows{rows, results}, nil
}

// batchRows are the rows of a batch's last statement.
type batchRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close ends the batch, too; an error of the rows is in Err.
func (r batchRows) Close() {
	r.Rows.Close()
	_ = r.results.Close()
}

// QueryRow sends what is queued and the statement when the row is scanned.
func (t *batchTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t.batch.Queue(sql, args...)
	return batchRow{t, ctx}
}

type batchRow struct {
	tx  *batchTx
	ctx context.Context //nolint:containedctx // pgx.Row's Scan has no context; the row lives for one call
}

// Scan reads the row. pgx.ErrNoRows when there is none.
func (r batchRow) Scan(dest ...any) error {
	unread := 1
	if r.tx.final {
		r.tx.batch.Queue("commit")
		unread++
	}
	results, err := r.tx.send(r.ctx, unread)
	if err != nil {
		return err
	}
	none := results.QueryRow().Scan(dest...)
	if none != nil && !errors.Is(none, pgx.ErrNoRows) {
		return closeBatch(results, none)
	}
	if r.tx.final {
		if _, err := results.Exec(); err != nil {
			return closeBatch(results, err)
		}
		r.tx.committed = true
	}
	return closeBatch(results, none)
}

func (t *batchTx) commit(ctx context.Context) error {
	t.batch.Queue("commit")
	results, err := t.send(ctx, 0)
	if err != nil {
		return err
	}
	return closeBatch(results, nil)
}

// send makes one round trip of all that is queued and leaves the last results to the
// caller, who closes them. An error of an earlier statement is given here.
func (t *batchTx) send(ctx context.Context, unread int) (pgx.BatchResults, error) {
	queued := t.batch.Len() - unread
	results := t.conn.SendBatch(ctx, t.batch)
	t.batch = &pgx.Batch{}
	for range queued {
		if _, err := results.Exec(); err != nil {
			return nil, closeBatch(results, err)
		}
	}
	return results, nil
}

// closeBatch gives the first error: err, or that of closing.
func closeBatch(results pgx.BatchResults, err error) error {
	if closeErr := results.Close(); err == nil {
		return closeErr
	}
	return err
}

// rollback ends an open transaction; a connection that cannot even do that is
// closed by the pool. What is still queued has not been sent and is dropped.
func (t *batchTx) rollback(ctx context.Context) {
	pc := t.conn.Conn().PgConn()
	if pc.IsClosed() || pc.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback") // Release closes a connection that is still in a transaction
}
