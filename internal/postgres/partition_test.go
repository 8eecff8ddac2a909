package postgres_test

import (
	"context"
	"sync"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func ensure(t *testing.T, db *pgtest.DB, days int32) int {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.Login(t, "", "sespan_service").URL})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	made, err := pool.PartitionEnsure(t.Context(), days)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func partitions(t *testing.T, db *pgtest.DB) int {
	t.Helper()
	return count(t, db, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sespan.mail_message'::regclass")
}

func partitioned(t *testing.T, db *pgtest.DB) int {
	t.Helper()
	return count(t, db, "SELECT count(*) FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relkind = 'p' AND relname !~ '^stats_'")
}

func TestPartitionEnsure(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	if n := partitions(t, db); n != 9 { // today, seven days more, the default
		t.Errorf("%d partitions after the migrations, want 9", n)
	}
	if made := ensure(t, db, 7); made != 0 {
		t.Errorf("made %d, want 0: they are there", made)
	}
	if made, tables := ensure(t, db, 9), partitioned(t, db); made != 2*tables || tables < 3 {
		t.Errorf("made %d, want 2 for each of %d tables", made, tables)
	}
	if n := count(t, db, `SELECT count(*) FROM pg_class WHERE relnamespace = 'sespan'::regnamespace
		AND relname = 'mail_message_' || to_char((now() AT TIME ZONE 'UTC') + interval '9 days', 'YYYYMMDD') AND relowner = 'sespan_owner'::regrole`); n != 1 {
		t.Error("the last day's partition is not there under its name, or not the owner's")
	}
}

func TestPartitionTakesRowsFromTheDefault(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, when := range []string{"now() + interval '8 days'", "now() + interval '20 days'"} {
		db.Exec(t, `INSERT INTO sespan.mail_message (created_at, size_bytes, recipients, pending) VALUES (`+when+`, 1, 1, 1)`)
	}
	ensure(t, db, 8)
	if n := count(t, db, "SELECT count(*) FROM ONLY sespan.mail_message_default"); n != 1 {
		t.Errorf("%d rows in the default partition, want only that of the far day", n)
	}
	if n := count(t, db, "SELECT count(*) FROM sespan.mail_message"); n != 2 {
		t.Errorf("%d rows in all, want 2", n)
	}
}

func TestPartitionEnsureInManyProcesses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	var wg sync.WaitGroup
	total := make([]int, 4)
	for i := range total {
		wg.Go(func() { total[i] = ensure(t, db, 30) })
	}
	wg.Wait() // a process may have left the work to another, but not undone
	sum := 0
	for _, n := range total {
		sum += n
	}
	if want := 23 * partitioned(t, db); sum != want {
		t.Errorf("%v partitions made, want %d together", total, want)
	}
}

// An open transaction that wrote to the table does not stop the maker, and what
// it writes afterwards has its place.
func TestPartitionEnsureBesideAWriter(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	writer, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.Background())
	if _, err := writer.Exec(t.Context(), `INSERT INTO sespan.mail_message (size_bytes, recipients, pending) VALUES (1, 1, 1)`); err != nil {
		t.Fatal(err)
	}
	if made, tables := ensure(t, db, 8), partitioned(t, db); made != tables {
		t.Errorf("made %d, want one for each of %d tables", made, tables)
	}
}

func TestPartitionEnsureRefuses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	service := db.Login(t, "", "sespan_service").Pool
	for _, call := range []string{"'public.auth_user', 1", "'sespan.otp', 1", "'sespan.mail_message', -1", "'sespan.mail_message', 100000"} {
		if _, err := service.Exec(t.Context(), "SELECT sespan.partition_ensure("+call+")"); err == nil {
			t.Errorf("partition_ensure(%s) works", call)
		}
	}
}
