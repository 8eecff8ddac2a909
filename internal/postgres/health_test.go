package postgres_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

func newHealth(t *testing.T, db *pgtest.DB) *postgres.Health {
	t.Helper()
	return postgres.NewHealth(openPool(t, db.ServiceURL(t), 1))
}

func TestHealthOfTheServer(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s, err := newHealth(t, db).Server(t.Context(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if s.ReadOnly || s.Connections < 1 || s.MaxConnections < 290 || s.MaxConnections >= 300 || s.ClockSkew.Abs() > time.Second {
		t.Errorf("%+v", s)
	}
	slow := func() time.Time { return time.Now().Add(-time.Hour) }
	if s, err = newHealth(t, db).Server(t.Context(), slow); err != nil || (s.ClockSkew-time.Hour).Abs() > time.Second {
		t.Errorf("with a clock that is an hour slow: skew %v, %v", s.ClockSkew, err)
	}
	login := db.Login(t, "", "sespan_service")
	db.Exec(t, "ALTER ROLE "+login.Name+" SET default_transaction_read_only = on")
	if s, err = postgres.NewHealth(openPool(t, login.URL, 1)).Server(t.Context(), time.Now); err != nil || !s.ReadOnly {
		t.Errorf("read-only: %+v, %v", s, err)
	}
}

// Whichever trigger that counts is off or gone, it is seen; and there is no other one that counts.
func TestHealthSeesEachTriggerThatCounts(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	h := newHealth(t, db)
	counting := func() bool {
		s, err := h.Schema(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Counting
	}
	rows, err := db.Pool.Query(t.Context(), `SELECT t.tgrelid::regclass::text, t.tgname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
		WHERE p.pronamespace = 'sespan'::regnamespace AND p.proname LIKE 'stats\_%' AND t.tgparentid = 0 ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	var triggers [][2]string
	for rows.Next() {
		var at [2]string
		if err := rows.Scan(&at[0], &at[1]); err != nil {
			t.Fatal(err)
		}
		triggers = append(triggers, at)
	}
	if rows.Close(); len(triggers) < 12 || !counting() {
		t.Fatalf("%d triggers count, counting %t", len(triggers), counting())
	}
	for _, at := range triggers {
		db.Exec(t, "ALTER TABLE "+at[0]+" DISABLE TRIGGER "+at[1])
		if counting() {
			t.Errorf("%s of %s is disabled, and is not missed", at[1], at[0])
		}
		db.Exec(t, "ALTER TABLE "+at[0]+" ENABLE TRIGGER "+at[1])
	}
	db.Exec(t, "DROP TRIGGER stats_api_count ON sespan.api_log")
	if counting() {
		t.Error("a trigger is gone, and is not missed")
	}
}

func TestHealthOfPartitions(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	h := newHealth(t, db)
	look := func() map[string]postgres.PartitionHealth {
		t.Helper()
		all, err := h.Partitions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tables := map[string]postgres.PartitionHealth{}
		for _, p := range all {
			tables[p.Table] = p
		}
		return tables
	}
	db.Exec(t, "SELECT sespan.stats_partition_ensure(25)")
	tables := look()
	if len(tables) != 8 {
		t.Errorf("%d partitioned tables: %v", len(tables), tables)
	}
	for name, p := range tables {
		if want := map[bool]int64{false: 7, true: 25}[p.Hours]; p.Ahead != want || p.DefaultRows != 0 {
			t.Errorf("%s: %+v, want %d ahead", name, p, want)
		}
	}
	drop := func(table, format, ahead string) {
		db.Exec(t, `DO $$ BEGIN EXECUTE format('DROP TABLE sespan.%I', '`+table+`_' || to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '`+ahead+`', '`+format+`')); END $$`)
	}
	drop("mail_message", "YYYYMMDD", "3 days")
	drop("stats_api", "YYYYMMDDHH24", "2 hours")
	drop("api_log", "YYYYMMDD", "0")
	db.Exec(t, "INSERT INTO sespan.mail_message (created_at, size_bytes, recipients, pending) SELECT now() + interval '3 days', 1, 1, 1 FROM generate_series(1, 5)")
	tables = look()
	for name, want := range map[string][2]int64{"mail_message": {2, 5}, "stats_api": {1, 0}, "api_log": {-1, 0}, "mail_outcome": {7, 0}, "stats_mail": {25, 0}} {
		if p := tables[name]; p.Ahead != want[0] || p.DefaultRows != want[1] {
			t.Errorf("%s: %+v, want %v", name, p, want)
		}
	}
}

func TestHealthCountsAreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tier := s.tier(t, "1", "0.1", func(x *transaction.Tier) { uses := int64(4); x.BudgetUses = &uses })
	s.draw(t, one(1, "A-1", "100", 0), one(1, "A-2", "300", 1))
	h := postgres.NewHealth(openPool(t, s.ServiceURL(t), 1))
	look := func() map[postgres.Count]bool {
		t.Helper()
		all, err := h.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		counts := map[postgres.Count]bool{}
		for _, c := range all {
			counts[c] = true
		}
		return counts
	}
	label := strconv.FormatInt(tier, 10)
	want := []postgres.Count{{"draws", label, "", 2}, {"wins", label, "", 2}, {"capped_wins", label, "", 0}, {"promised_wins", label, "", 2}, {"amount", label, "", 400}, {"discount", label, "", 40}}
	for _, when := range []string{"before", "after"} {
		got := look()
		for _, w := range want {
			if !got[w] {
				t.Errorf("%s the fold: no %+v in %v", when, w, got)
			}
		}
		s.exec(t, "SELECT sespan.stats_fold()")
	}
	tiers, err := h.Tiers(t.Context())
	if err != nil || len(tiers) != 1 || !tiers[0].Active || tiers[0].Probability != 1 || tiers[0].UsesRatio != 0.5 || tiers[0].AmountRatio != -1 {
		t.Errorf("tiers: %+v, %v", tiers, err)
	}
}

// A key of a person makes the comparison of people matter.
func TestHealthOfThePeoplesComparison(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	h := newHealth(t, db)
	compared := func(ctx context.Context) float64 {
		s, err := h.Schema(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s.Compared
	}
	if got := compared(t.Context()); got != -1 {
		t.Errorf("without keys: %v, want -1", got)
	}
	db.Exec(t, `INSERT INTO sespan.api_key (key_id, role, name, secret_hash, owner_id, owner_name) VALUES ('aaaaaaaaaaaa', 'report', 'x', sha256('x'), '7', 'sari')`)
	if got := compared(t.Context()); got != 0 {
		t.Errorf("never compared: %v, want 0", got)
	}
	db.Exec(t, `SELECT sespan.people_lock(), sespan.people_compare('{"7": ["report"]}')`)
	if got := compared(t.Context()); time.Since(time.Unix(int64(got), 0)).Abs() > time.Minute {
		t.Errorf("compared at %v", got)
	}
}

// A seed that is missing in between is one that will be missing on its day.
func TestHealthCountsTheSeedsOfDraws(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	h := newHealth(t, db)
	for _, c := range []struct {
		days  string
		ahead int64
	}{{"1", -1}, {"0, 1, 3", 1}, {"0, 1, 2, 3", 3}} {
		db.Exec(t, "DELETE FROM sespan.draw_epoch")
		db.Exec(t, `INSERT INTO sespan.draw_epoch (draw_epoch, sealed_seed, seed_hash)
			SELECT sespan.draw_epoch_today() + d, '\x00', sha256('\x00') FROM unnest(ARRAY[`+c.days+`]) d`)
		if s, err := h.Schema(t.Context()); err != nil || s.EpochsAhead != c.ahead {
			t.Errorf("days %s: %d ahead, %v; want %d", c.days, s.EpochsAhead, err, c.ahead)
		}
	}
}
