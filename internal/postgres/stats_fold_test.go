package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
)

// inTx runs statements in a transaction, committed unless do fails.
func inTx(t testing.TB, db *pgtest.DB, do func(exec func(string)) error) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		return do(func(sql string) {
			_, err := tx.Exec(t.Context(), sql)
			require.NoError(t, err)
		})
	})
}

// logRows inserts rows of the API log, of the last minutes.
const logRows = `INSERT INTO sespan.api_log (response_id, request_type, request_header, response_header, status, outcome,
		status_details, time_requested, time_responded, elapsed_time, stands_for)
	SELECT gen_random_uuid(), (ARRAY['OTP', 'Login', 'Admin'])[i %% 3 + 1], '{}', '{}', 200, CASE WHEN i %% 4 = 0 THEN 'failure' ELSE 'success' END, '',
		now() - make_interval(secs => i * 7), now(), make_interval(secs => i * 0.003), 1 + i %% 2
	FROM generate_series(1, %d) i`

// agree is one statement, so one snapshot: what the views say and what the rows say.
const agree = `SELECT (SELECT coalesce(sum(calls), 0) FROM sespan.stats_api_total) = n AND (SELECT coalesce(sum(calls), 0) FROM sespan.stats_api_day_total) = n
	FROM (SELECT coalesce(sum(stands_for), 0) AS n FROM sespan.api_log) l`

// Writers, some of which roll back, folders and readers at once: whenever a reader
// looks, each count is there exactly once.
func TestEachCountIsSeenOnceAtAnyMoment(t *testing.T) {
	t.Parallel()
	db := newCounted(t)
	ctx := t.Context()
	var writing, others sync.WaitGroup
	var done atomic.Bool
	var looks, folds atomic.Int64
	for w := range 4 {
		writing.Go(func() {
			for i := range 40 {
				err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, fmt.Sprintf(logRows, 1+(i*7+w)%20)); err != nil {
						return err
					}
					if i%5 == 0 {
						return pgx.ErrTxCommitRollback // on purpose
					}
					return nil
				})
				if err != nil && i%5 != 0 {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		others.Go(func() {
			for !done.Load() {
				if _, err := db.Pool.Exec(ctx, "SELECT sespan.stats_fold(7)"); err != nil {
					t.Error(err)
					return
				}
				folds.Add(1)
			}
		})
		others.Go(func() {
			for !done.Load() {
				var same bool
				if err := db.Pool.QueryRow(ctx, agree).Scan(&same); err != nil || !same {
					t.Errorf("a reader saw a count twice or not at all (%v)", err)
					return
				}
				looks.Add(1)
			}
		})
	}
	writing.Wait()
	done.Store(true)
	others.Wait()
	if looks.Load() == 0 || folds.Load() == 0 {
		t.Error("nobody looked or folded meanwhile")
	}
}

// A transaction that wrote before three folds and commits after them.
func TestTransactionOpenOverThreeFolds(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	c := counts(t, db)
	require.NoError(t, inTx(t, db, func(exec func(string)) error {
		exec(fmt.Sprintf(logRows, 10))
		for range 3 {
			db.Exec(t, fmt.Sprintf(logRows, 5))
			done, err := c.Fold(t.Context())
			require.NoError(t, err)
			assert.Positive(t, done.Fresh, "what is younger than the open transaction waits")
			assert.Equal(t, "true", figure(t, db, agree))
		}
		return nil
	}))
	assert.Equal(t, "true", figure(t, db, agree), "committed")
	fold(t, c)
	assert.Equal(t, "true", figure(t, db, agree), "folded")
	assert.Equal(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_api WHERE xid >= (SELECT horizon FROM sespan.stats_horizon)"))
}

// Of two folds at once one does the work; one that dies half-way has done nothing.
func TestFoldsAtOnceAndCutShort(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	c := counts(t, db)
	db.Exec(t, fmt.Sprintf(logRows, 50))
	horizon := figure(t, db, "SELECT horizon FROM sespan.stats_horizon")
	err := inTx(t, db, func(exec func(string)) error {
		exec("SELECT sespan.stats_fold()")
		other, err := c.Fold(t.Context())
		require.NoError(t, err)
		assert.False(t, other.Ran, "the lock is held")
		assert.Equal(t, "true", figure(t, db, agree), "beside a fold that is not committed")
		return context.Canceled // as a crash
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, horizon, figure(t, db, "SELECT horizon FROM sespan.stats_horizon"))
	assert.Equal(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_api_quarter"))
	assert.Equal(t, "true", figure(t, db, agree))
	fold(t, c)
	assert.Equal(t, "true", figure(t, db, agree))
}

// Who holds a snapshot over folds reads what was true when it began.
func TestHeldSnapshotReadsItsOwnMoment(t *testing.T) {
	t.Parallel()
	db := newCounted(t)
	db.Exec(t, fmt.Sprintf(logRows, 10))
	held, err := db.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer held.Rollback(context.Background())
	look := func() (calls int) {
		require.NoError(t, held.QueryRow(t.Context(), "SELECT sum(calls) FROM sespan.stats_api_total").Scan(&calls))
		return calls
	}
	before := look()
	for range 3 {
		db.Exec(t, fmt.Sprintf(logRows, 10)+"; SELECT sespan.stats_fold(keep => '0'); SELECT sespan.stats_retire()")
		assert.Equal(t, before, look())
	}
	assert.Equal(t, "true", figure(t, db, agree))
}

// Appended rows that are folded are not read again: beside a held snapshot too,
// which keeps dead rows from being cleaned, a look costs what is fresh.
func TestLookReadsOnlyWhatIsFresh(t *testing.T) { //nolint:paralleltest // see fold
	db := pgtest.NewDB(t)
	held, err := db.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer held.Rollback(context.Background())
	_, err = held.Exec(t.Context(), "SELECT FROM sespan.schema_version")
	require.NoError(t, err)
	db.Exec(t, `INSERT INTO sespan.stats_api (bucket, request_type, outcome, bin, calls, elapsed_us)
		SELECT date_bin('15 minutes', now(), '2000-01-01Z'), 'OTP', 'success', 1, 1, 1 FROM generate_series(1, 50000)`)
	fold(t, counts(t, db))
	db.Exec(t, fmt.Sprintf(logRows, 100))
	var plan string
	rows, err := db.Pool.Query(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) SELECT request_type, sum(calls) FROM sespan.stats_api_total
		WHERE bucket >= now() - interval '1 day' GROUP BY 1`)
	require.NoError(t, err)
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan += line + "\n"
	}
	require.NoError(t, rows.Err())
	assert.NotContains(t, plan, "rows=50000", "the folded rows were read:\n%s", plan)
}
