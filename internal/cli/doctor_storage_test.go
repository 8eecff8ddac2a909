package cli

import (
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestDoctorLooksAtPartitions(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	db.Exec(t, `SELECT sespan.stats_partition_ensure(3)`)
	says(t, told(x.checkPartitions(t.Context())), "ok: 8 tables have theirs, 7 days ahead")
	day := func(ahead int) string { return time.Now().UTC().AddDate(0, 0, ahead).Format("20060102") }
	db.Exec(t, `DROP TABLE sespan.api_log_body_`+day(3))
	says(t, told(x.checkPartitions(t.Context())), "warning: sespan.api_log_body has partitions for 2 days ahead only → let a sespan serve run maintenance")
	db.Exec(t, `DROP TABLE sespan.mail_outcome_`+day(0))
	says(t, told(x.checkPartitions(t.Context())), "warning: ", "\nwrong: sespan.mail_outcome has no partition of today")
	db.Exec(t, `INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, recipient) VALUES (1, 1, now(), now(), 'sent', 1, 'a@b.co')`)
	says(t, told(x.checkPartitions(t.Context())), "", "wrong: 1 rows of sespan.mail_outcome are in its default partition", "it moves the rows")
	says(t, told(judgePartitions(postgres.PartitionHealth{Table: "stats_api", Hours: true, Ahead: -1})), "warning: sespan.stats_api has no partition of this hour")
}

func TestDoctorComparesTheLogWithItsBounds(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	says(t, look(t, db, (*examination).checkAPILog), "ok: ", " of 10.0 GiB (0 %), 1 of 30 days")
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const gib = 1 << 30
	for want, l := range map[string]postgres.LogSize{
		"ok: 2.0 GiB of 10.0 GiB (20 %), 10 of 30 days, grows by 204.8 MiB a day":                                    {Bytes: 2 * gib, OldestDay: "20261120", BytesADay: gib / 5},
		"ok: 0 B of 10.0 GiB (0 %), 0 of 30 days":                                                                    {},
		"warning: 8.5 GiB of 10.0 GiB (85 %), 30 of 30 days, grows by 290.1 MiB a day: bodies of the oldest days go": {Bytes: 8.5 * gib, OldestDay: "20261031", BytesADay: 304204459},
		"warning: 2.0 GiB of 10.0 GiB (20 %), 2 of 30 days, grows by 1.0 GiB a day: 10 days fit at this pace":        {Bytes: 2 * gib, OldestDay: "20261128", BytesADay: gib},
		"wrong: 11.0 GiB of 10.0 GiB (110 %), 2 of 30 days: it is over its bound":                                    {Bytes: 11 * gib, OldestDay: "20261128"},
		"wrong: 1.0 GiB of 10.0 GiB (10 %), 60 of 30 days: days that are over stay → let a sespan serve run":         {Bytes: gib, OldestDay: "20261001"},
	} {
		says(t, told(judgeLog(l, 10*gib, 30, now)), want)
	}
}

// Growth is of the days that are over.
func TestDoctorMeasuresTheLogsGrowth(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `SELECT sespan.partition_make(p, current_date - 1) FROM unnest(ARRAY['sespan.api_log', 'sespan.api_log_body']::regclass[]) p;
		INSERT INTO sespan.api_log_body (time_requested, response_id, request_body, response_body)
		SELECT (date_trunc('day', now(), 'UTC') - interval '1 hour'), gen_random_uuid(), repeat('x', 1000), '' FROM generate_series(1, 2000)`)
	l, err := examineDB(t, db).doctor().LogSize(t.Context())
	if err != nil || l.BytesADay < 2_000_000 || l.BytesADay > 4_000_000 || l.Bytes < l.BytesADay || l.OldestDay != time.Now().UTC().AddDate(0, 0, -1).Format("20060102") {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestDoctorLooksAtDeadRows(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	says(t, look(t, db, (*examination).checkVacuum), "warning: autovacuum is off on this server", "→ ALTER SYSTEM SET autovacuum = on") // of the tests
	db.Exec(t, `CREATE TABLE sespan.bloated AS SELECT generate_series(1, 30000) AS a; ALTER TABLE sespan.bloated REPLICA IDENTITY FULL`)
	db.Exec(t, `DELETE FROM sespan.bloated WHERE a > 1000; SELECT pg_stat_force_next_flush()`)
	says(t, look(t, db, (*examination).checkVacuum), "", "warning: sespan.bloated has 29000 dead rows beside 1000 live ones, last vacuumed never → VACUUM sespan.bloated; ")
}

func TestDoctorSeesWraparoundComing(t *testing.T) {
	t.Parallel()
	for age, want := range map[int64]string{
		200_000_000:   "",
		260_000_000:   "warning: rows of sespan.x are 260,000,000 transactions old, and autovacuum freezes them at 200,000,000 → VACUUM (FREEZE) sespan.x",
		1_700_000_000: "wrong: rows of sespan.x are 1,700,000,000 transactions old",
	} {
		if got := told(judgeWraparound(postgres.Wraparound{Table: "sespan.x", Age: age, FreezeAt: 200_000_000, Autovacuum: true})); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%d: %q, want %q", age, got, want)
		}
	}
}
