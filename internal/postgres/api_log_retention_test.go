package postgres_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// daysOfLog fills days of the log, from so many days ago to today, with bodies of about
// a megabyte each, and gives their names, the oldest first.
func daysOfLog(t *testing.T, db *pgtest.DB, days int) []string {
	t.Helper()
	names := make([]string, days+1)
	for ago := range names {
		names[days-ago] = time.Now().UTC().AddDate(0, 0, -ago).Format("20060102")
		db.Exec(t, `SELECT sespan.partition_make(p::regclass, (now() AT TIME ZONE 'UTC')::date - $1::int) FROM unnest(ARRAY['sespan.api_log', 'sespan.api_log_body']) p`, ago)
		db.Exec(t, `WITH added AS (INSERT INTO sespan.api_log (response_id, request_type, request_header, response_header, status, outcome, status_details,
				time_requested, time_responded, elapsed_time, stands_for)
			SELECT gen_random_uuid(), 'OTP', '{}', '{}', 200, 'success', '', t, t, '1 ms', 2
			FROM generate_series(1, 500) i, LATERAL (SELECT date_trunc('day', now(), 'UTC') - make_interval(days => $1::int) + make_interval(secs => i * 0.001) AS t) x
			RETURNING time_requested, response_id)
			INSERT INTO sespan.api_log_body SELECT time_requested, response_id, (SELECT string_agg(md5(response_id::text || j), '') FROM generate_series(1, 60) j), '' FROM added`, ago)
	}
	return names
}

func retire(t *testing.T, db *pgtest.DB, bytes int64, days int) string {
	t.Helper()
	return figure(t, db, fmt.Sprintf("SELECT concat_ws(' ', r.outcome, r.day) FROM sespan.api_log_retire(%d, %d) r", bytes, days))
}

// What goes, in this order: days that are too old; bodies of the oldest days, oldest
// days, bodies of today. Counts stay, and agree with the days that are whole.
func TestTheAPILogShrinksFromItsOldEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	d := daysOfLog(t, db, 4)
	assert.Equal(t, "done", retire(t, db, 1<<40, 30))
	assert.Equal(t, "day "+d[0], retire(t, db, 1<<40, 3))
	assert.Equal(t, "done", retire(t, db, 1<<40, 3))
	for _, want := range []string{"bodies " + d[1], "bodies " + d[2], "bodies " + d[3], "day " + d[1], "day " + d[2], "day " + d[3], "bodies " + d[4]} {
		before := figure(t, db, "SELECT sespan.api_log_size()")
		assert.Equal(t, want, retire(t, db, 1<<20, 3))
		assert.NotEqual(t, before, figure(t, db, "SELECT sespan.api_log_size()"))
		assert.Equal(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_check()"), "after %s", want)
	}
	assert.Contains(t, []string{"done", "full " + d[4]}, retire(t, db, 1<<20, 3), "today's rows stay")
	assert.Equal(t, "500", figure(t, db, "SELECT count(*) FROM sespan.api_log_full WHERE request_body = ''"))
	assert.Equal(t, "5000", figure(t, db, "SELECT sum(calls) FROM sespan.stats_api_total"), "counts are complete whatever was dropped")
}

// Rows of days that nobody made a partition for go like others.
func TestStrayDaysOfTheAPILogGoToo(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	store := openLog(t, db)
	e := logEntry()
	e.Requested = e.Requested.AddDate(0, 0, -40)
	e.Responded = e.Requested
	require.NoError(t, store.Insert(t.Context(), []apilog.Entry{e, logEntry()}))
	day := e.Requested.UTC().Format("20060102")
	assert.Equal(t, "made "+day, retire(t, db, 1<<40, 30))
	assert.Equal(t, "day "+day, retire(t, db, 1<<40, 30))
	assert.Equal(t, "done", retire(t, db, 1<<40, 30))
	assert.Equal(t, "1 1", figure(t, db, "SELECT concat_ws(' ', (SELECT count(*) FROM sespan.api_log), (SELECT count(*) FROM sespan.api_log_body))"))
}

// Who reads the log for long is not waited for, and nobody queues behind that.
func TestARunningReaderKeepsItsDay(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	d := daysOfLog(t, db, 1)
	reader, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer reader.Rollback(t.Context())
	_, err = reader.Exec(t.Context(), `SELECT count(*) FROM sespan.api_log_body`)
	require.NoError(t, err)
	assert.Equal(t, "busy "+d[0], retire(t, db, 1<<20, 3))
	require.NoError(t, reader.Rollback(t.Context()))
	assert.Equal(t, "bodies "+d[0], retire(t, db, 1<<20, 3))
}

// The bound holds whatever known callers write, draws have their rows to the end, and
// the rows stand for all calls.
func TestTheAPILogNeverPassesItsBound(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pgtest.CheckCounts(t, db)
	daysOfLog(t, db, 1)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: 4, ApplicationName: "log"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	const most = 5 << 20
	room := postgres.NewAPILogRetention(pool, slog.New(slog.DiscardHandler), 30)
	logger := apilog.New(postgres.NewAPILog(pool), apilog.Options{
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Room: room, MaxBytes: most, Wait: time.Minute,
	})
	largest := int64(0)
	const calls = 6000
	for i := range calls {
		e := logEntry()
		e.RequestBody = apilog.RedactBody([]byte(`{"x":"` + strings.Repeat(uuid.NewString(), 200) + `"}`))
		e.RequestHeader = apilog.RedactRequest("POST", "/v1/transactions", map[string][]string{"User-Agent": {strings.Repeat(uuid.NewString(), 15)}})
		e.Keep = i%100 == 0
		logger.Record(t.Context(), e)
		if i%50 == 0 {
			size, err := room.Size(t.Context())
			require.NoError(t, err)
			largest = max(largest, size)
		}
	}
	logger.Close()
	size, err := room.Size(t.Context())
	require.NoError(t, err)
	assert.LessOrEqual(t, max(largest, size), int64(most))
	assert.Equal(t, fmt.Sprint(calls), figure(t, db, "SELECT sum(stands_for) FROM sespan.api_log WHERE request_type = 'Transaction'"))
	assert.Equal(t, fmt.Sprint(calls+2000), figure(t, db, "SELECT sum(calls) FROM sespan.stats_api_total"))
}
