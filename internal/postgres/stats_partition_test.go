package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// appendAt appends a count as if it had happened hours ago.
func appendAt(t *testing.T, db *pgtest.DB, hoursAgo, calls int) {
	t.Helper()
	db.Exec(t, `INSERT INTO sespan.stats_api (appended_at, bucket, request_type, outcome, bin, calls, elapsed_us)
		VALUES (now() - make_interval(hours => $1), date_bin('15 minutes', now(), '2000-01-01Z'), 'OTP', 'success', 1, $2, 1)`, hoursAgo, calls)
}

const callsInAll = "SELECT coalesce(sum(calls), 0) FROM sespan.stats_api_total"

func TestHoursAreMadeAheadAndTakeRowsFromTheDefault(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	c := counts(t, db)
	for hours := range 8 {
		appendAt(t, db, -hours, 1)
	}
	assert.NotEqual(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_api_default"), "hours that are not made yet")
	eventuallyTrue(t, "the hours are made", func() bool {
		require.NoError(t, c.PartitionEnsure(t.Context(), 9))
		return figure(t, db, "SELECT count(*) FROM sespan.stats_api_default") == "0"
	})
	assert.Equal(t, "8", figure(t, db, callsInAll))
	require.NoError(t, c.PartitionEnsure(t.Context(), 9), "again")
	assert.Error(t, c.PartitionEnsure(t.Context(), 1000))
}

// What cannot make all at once, as on a slow server with its statement timeout, gets on:
// the partitions of the next hours and days stay made when a later one fails.
func TestWhatWasMadeStaysWhenALaterPartitionFails(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openPool(t, db.ServiceURL(t), 1)
	db.Exec(t, `DO $$ BEGIN
		EXECUTE format('CREATE TABLE sespan.%I (in_the_way int)', 'stats_api_' || to_char(now() AT TIME ZONE 'UTC' + interval '9 hours', 'YYYYMMDDHH24'));
		EXECUTE format('CREATE TABLE sespan.%I (in_the_way int)', 'api_log_' || to_char(now() AT TIME ZONE 'UTC' + interval '20 days', 'YYYYMMDD')); END $$`)
	require.Error(t, postgres.NewCounts(pool).PartitionEnsure(t.Context(), 25))
	_, err := pool.PartitionEnsure(t.Context(), 25)
	require.ErrorContains(t, err, "partitions of sespan.api_log: ")
	ahead := func(table string) int {
		t.Helper()
		return count(t, db, "SELECT ahead FROM sespan.partition_state() WHERE parent = $1", table)
	}
	assert.GreaterOrEqual(t, ahead("stats_api"), 7, "hours")
	assert.GreaterOrEqual(t, ahead("stats_otp"), 7, "hours of the others")
	assert.GreaterOrEqual(t, ahead("api_log"), 15, "days")
	assert.Equal(t, 25, ahead("mail_message"), "days of the others")
}

// A bound makes the next hours of all counts first.
func TestTheNextHoursAreMadeFirst(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	nouns := count(t, db, "SELECT cardinality(sespan.stats_nouns())")
	assert.Equal(t, nouns, count(t, db, "SELECT sespan.stats_partition_ensure(25, $1)", nouns))
	assert.Zero(t, count(t, db, "SELECT max(ahead) - min(ahead) FROM sespan.partition_state() WHERE unit = 'hour'"), "all reach as far")
	assert.Equal(t, 2, count(t, db, "SELECT sespan.partition_ensure('sespan.api_log', 20, 2)"))
}

// A dump reads the default partitions for as long as it takes. What waits for it in vain
// is no error, which the server's log would have once a minute, and is done afterwards.
func TestPartitionsWaitForADumpWithoutErrors(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openPool(t, db.URL, 2)
	ahead := `SELECT string_agg(n::text, ' ' ORDER BY parent) FROM (SELECT inhparent::regclass::text AS parent, count(*) AS n FROM pg_inherits
		WHERE inhparent IN ('sespan.stats_api'::regclass, 'sespan.api_log'::regclass) GROUP BY 1) x`
	ensure := func() {
		t.Helper()
		require.NoError(t, postgres.NewCounts(pool).PartitionEnsure(t.Context(), 4))
		_, err := pool.PartitionEnsure(t.Context(), 9)
		require.NoError(t, err)
	}
	before := figure(t, db, ahead)
	require.NoError(t, inTx(t, db, func(exec func(string)) error {
		exec("SELECT count(*) FROM sespan.stats_api; SELECT count(*) FROM sespan.api_log")
		ensure()
		assert.Equal(t, before, figure(t, db, ahead))
		return nil
	}))
	days, hours, _ := strings.Cut(before, " ")
	eventuallyTrue(t, "both are made afterwards", func() bool {
		ensure()
		d, h, _ := strings.Cut(figure(t, db, ahead), " ")
		return d != days && h != hours
	})
}

// An hour goes when its counts are in sums that are old, and not before; the
// default partition is emptied likewise. The counts stay as they are.
func TestFoldedHoursAreDropped(t *testing.T) { //nolint:paralleltest // see fold
	db := pgtest.NewDB(t)
	c := counts(t, db)
	db.Exec(t, `SET ROLE sespan_owner; SELECT sespan.partition_attach('sespan.stats_api', h.child, h.lower_bound, h.upper_bound)
		FROM generate_series(4, 5) i, sespan.stats_hour('sespan.stats_api', now() - make_interval(hours => i)) h; RESET ROLE`)
	appendAt(t, db, 4, 10)
	appendAt(t, db, 5, 100)
	appendAt(t, db, 40, 1000) // no such hour: the default
	left := "SELECT count(*) FROM sespan.stats_api"
	require.NoError(t, c.Retire(t.Context()))
	assert.Equal(t, "3", figure(t, db, left), "nothing is folded")
	fold(t, c)
	require.NoError(t, c.Retire(t.Context()))
	assert.Equal(t, "3", figure(t, db, left), "folded, but a snapshot may need it")
	db.Exec(t, "SELECT sespan.stats_fold(keep => '0'); SELECT sespan.stats_fold(keep => '0')")
	eventuallyTrue(t, "the hours are dropped", func() bool {
		require.NoError(t, c.Retire(t.Context()))
		return figure(t, db, left) == "0"
	})
	assert.Equal(t, "1110", figure(t, db, callsInAll))
	assert.Equal(t, "0", figure(t, db, `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sespan.stats_api'::regclass
		AND right(c.relname, 10) < to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'YYYYMMDDHH24') AND c.relname ~ '[0-9]{10}$'`))
}

// An hour into which a transaction still writes is passed by.
func TestHourWithAnOpenWriterStays(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	c := counts(t, db)
	db.Exec(t, `SET ROLE sespan_owner; SELECT sespan.partition_attach('sespan.stats_api', h.child, h.lower_bound, h.upper_bound)
		FROM sespan.stats_hour('sespan.stats_api', now() - interval '4 hours') h; RESET ROLE`)
	require.NoError(t, inTx(t, db, func(exec func(string)) error {
		exec(`INSERT INTO sespan.stats_api (appended_at, bucket, request_type, outcome, bin, calls, elapsed_us)
			VALUES (now() - interval '4 hours', date_bin('15 minutes', now(), '2000-01-01Z'), 'OTP', 'success', 1, 7, 1)`)
		db.Exec(t, "SELECT sespan.stats_fold(keep => '0'); SELECT sespan.stats_fold(keep => '0')")
		require.NoError(t, c.Retire(t.Context()), "whoever is in the way is not waited for")
		return nil
	}))
	assert.Equal(t, "7", figure(t, db, callsInAll))
}

// What a dump brings to another server: its horizon and its counts have numbers that
// mean nothing here. One that is folded there, one that is not, and what was
// appended here before anybody noticed.
func TestRestoredDump(t *testing.T) { //nolint:paralleltest,tparallel // see fold
	for name, offset := range map[string]string{"to a younger server": "+ 5000000000", "to an older server": "- 400"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			pgtest.CheckCounts(t, db)
			c := counts(t, db)
			db.Exec(t, fmt.Sprintf(logRows, 20))
			fold(t, c)
			db.Exec(t, fmt.Sprintf(logRows, 10))
			// As COPY leaves it: the columns are the other server's, xmin is the restore's.
			db.Exec(t, `UPDATE sespan.stats_api SET xid = (xid::text::bigint `+offset+`)::text::xid8;
				UPDATE sespan.stats_horizon SET horizon = (horizon::text::bigint `+offset+`)::text::xid8, written_by = (pg_current_xact_id()::text::bigint `+offset+`)::text::xid8,
					settled = horizon, marked = horizon`)
			db.Exec(t, fmt.Sprintf(logRows, 5))
			require.NoError(t, inTx(t, db, func(exec func(string)) error {
				exec("SELECT pg_current_xact_id(); SAVEPOINT a; " + fmt.Sprintf(logRows, 3))
				return nil
			}))
			require.NoError(t, c.Retire(t.Context()), "before the fold has noticed nothing is dropped")
			fold(t, c)
			assert.Equal(t, "true", figure(t, db, agree))
			db.Exec(t, fmt.Sprintf(logRows, 4))
			assert.Equal(t, "true", figure(t, db, agree))
			fold(t, c)
			assert.Equal(t, "true", figure(t, db, agree))
		})
	}
}
