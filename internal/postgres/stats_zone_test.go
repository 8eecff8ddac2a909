package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
)

// everyQuarter appends a count for each quarter of an hour in [from, to).
const everyQuarter = `INSERT INTO sespan.stats_mail (bucket, outcome, mails)
	SELECT q, 'sent', 1 FROM generate_series($1::timestamptz, $2::timestamptz - interval '15 minutes', interval '15 minutes') q`

func TestDaysOfTheSitesZone(t *testing.T) { //nolint:paralleltest,tparallel // see fold
	for _, c := range []struct{ zone, day, quarters string }{
		{"America/New_York", "2026-03-08", "92"},  // 23 hours
		{"America/New_York", "2026-11-01", "100"}, // 25 hours
		{"America/New_York", "2026-07-01", "96"},
		{"Asia/Kathmandu", "2026-07-01", "96"}, // begins at 18:15 UTC
		{"Australia/Lord_Howe", "2026-04-05", "98"},
	} {
		t.Run(c.zone+" "+c.day, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			folder := counts(t, db)
			require.NoError(t, folder.SetTimeZone(t.Context(), c.zone))
			db.Exec(t, everyQuarter, c.day+" 00:00+00", c.day+" 12:00+00")
			fold(t, folder)
			db.Exec(t, `INSERT INTO sespan.stats_mail (bucket, outcome, mails) SELECT q, 'sent', 1
				FROM generate_series($1::timestamptz - interval '2 days', $1::timestamptz + interval '3 days', interval '15 minutes') q
				WHERE NOT (q >= $1::timestamptz AND q < $1::timestamptz + interval '12 hours')`, c.day+" 00:00+00")
			of := "SELECT sum(mails) FROM sespan.stats_mail_day_total WHERE day = $1::date"
			assert.Equal(t, c.quarters, figure(t, db, of, c.day), "half of it fresh")
			fold(t, folder)
			assert.Equal(t, c.quarters, figure(t, db, of, c.day), "folded")
			start := "SELECT min(bucket) FROM sespan.stats_mail_total WHERE (bucket AT TIME ZONE $1)::date = $2::date"
			assert.Equal(t, figure(t, db, "SELECT $2::date::timestamp AT TIME ZONE $1::text", c.zone, c.day), figure(t, db, start, c.zone, c.day))
		})
	}
}

// Days are made anew for another zone in portions; folds between them lose nothing,
// and until the last one the days of the zone before are in use.
func TestAnotherZoneInPortions(t *testing.T) { //nolint:paralleltest // see fold
	db := pgtest.NewDB(t)
	c := counts(t, db)
	db.Exec(t, everyQuarter, "2025-01-01 00:00+00", "2026-02-05 00:00+00") // 400 days
	fold(t, c)
	inUse := "SELECT concat_ws(' ', time_zone, next_time_zone) FROM sespan.stats_horizon"
	all, differs := "SELECT sum(mails) FROM sespan.stats_mail_day_total", "SELECT count(*) FROM sespan.stats_check() WHERE count LIKE 'quarters of%'"
	assert.Equal(t, "false", figure(t, db, "SELECT sespan.stats_set_time_zone('Asia/Kathmandu')"))
	assert.Equal(t, "UTC Asia/Kathmandu", figure(t, db, inUse))
	db.Exec(t, everyQuarter, "2025-02-01 00:00+00", "2025-02-02 00:00+00") // made already, and not yet
	db.Exec(t, everyQuarter, "2025-12-01 00:00+00", "2025-12-02 00:00+00")
	fold(t, c)
	assert.Equal(t, "38592", figure(t, db, all))
	assert.Equal(t, "true", figure(t, db, "SELECT sespan.stats_sum_days()"))
	assert.Equal(t, "Asia/Kathmandu", figure(t, db, inUse))
	assert.Equal(t, "38592", figure(t, db, all))
	assert.Equal(t, "0", figure(t, db, differs))
	assert.Equal(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_mail_day WHERE time_zone = 'UTC'"))
	assert.Equal(t, "false", figure(t, db, "SELECT sespan.stats_set_time_zone('UTC')"), "and back")
	assert.Equal(t, "true", figure(t, db, "SELECT sespan.stats_set_time_zone('Asia/Kathmandu')"), "given up half-way")
	assert.Equal(t, "0", figure(t, db, differs))
	require.NoError(t, c.SetTimeZone(t.Context(), "America/New_York"))
	assert.Equal(t, "0", figure(t, db, differs))
	assert.Error(t, c.SetTimeZone(t.Context(), "Mars/Olympus"))
}
