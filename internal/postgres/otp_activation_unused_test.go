package postgres_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
)

func TestUnusedRights(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	want := map[string][]int64{}
	for _, name := range []string{"fresh", "old", "used", "older", "revoked", "none", "oldest"} {
		id := pgtest.AddCustomer(t, d.db, name+"@example.com", false)
		want[name] = []int64{id}
		switch name {
		case "fresh":
			d.db.Exec(t, `INSERT INTO sespan.otp_activation VALUES ($1, now())`, id)
		case "used":
			d.db.Exec(t, `INSERT INTO sespan.otp_activation VALUES ($1, now() - interval '9 days', now())`, id)
		case "revoked":
			d.db.Exec(t, `INSERT INTO sespan.otp_activation VALUES ($1, now() - interval '9 days', NULL, now())`, id)
		case "old", "older", "oldest":
			d.db.Exec(t, `INSERT INTO sespan.otp_activation VALUES ($1, now() - interval '8 days')`, id)
		}
	}
	unused := func(after int64, portion int) []int64 {
		t.Helper()
		rows, err := site.Pool.Query(t.Context(), `SELECT sespan.otp_unused(now() - interval '7 days', $1, $2)`, after, portion)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	first := slices.Concat(want["old"], want["older"])
	if got := unused(0, 2); !slices.Equal(got, first) {
		t.Errorf("the first portion is %v, want %v", got, first)
	}
	if got := unused(first[1], 2); !slices.Equal(got, want["oldest"]) {
		t.Errorf("the second portion is %v, want %v", got, want["oldest"])
	}
	if got := unused(want["oldest"][0], 2); len(got) != 0 {
		t.Errorf("after the last: %v", got)
	}
	d.db.Exec(t, `DELETE FROM public.auth_user WHERE id = $1`, want["older"][0])
	if got := unused(0, 10); !slices.Equal(got, slices.Concat(want["old"], want["oldest"])) {
		t.Errorf("without the one who is gone: %v", got)
	}
}

// What a site calls in its own transaction looks through no table of a site in
// use: neither the plans of the first calls nor the one that is kept.
func TestRegisterGoesByIndexes(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	d.fill(t, 5000)
	d.db.Exec(t, `UPDATE sespan.otp SET purpose = 'registration'`)
	d.db.Exec(t, `UPDATE sespan.otp_challenge SET purpose = 'registration'`)
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = false`)
	d.db.Exec(t, `VACUUM ANALYZE`)
	conn, err := d.newSite(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	d.db.Pool.Reset() // what filled the tables has told its counts when it is gone
	eventually(t, d.db, "the others are gone",
		`SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()`)
	const scans = `SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE schemaname = 'sespan' AND relname LIKE 'otp%' OR relname = 'auth_user'`
	before := count(t, d.db, scans)
	for id := range 20 {
		var answer, right string
		err := conn.QueryRow(t.Context(), `SELECT sespan.otp_supersede($1)`, id+100).Scan(&answer)
		if err == nil {
			err = conn.QueryRow(t.Context(), `SELECT sespan.otp_right($1)`, id+100).Scan(&right)
		}
		if err != nil || answer != "live" || right != "live" {
			t.Fatalf("%s, %s, %v", answer, right, err)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_challenge WHERE status = 'superseded'`); n != 80 {
		t.Errorf("%d challenges are superseded, want 80", n)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	// One is the count above.
	if n := count(t, d.db, scans) - before; n > 1 {
		t.Errorf("%d tables were looked through", n)
	}
}
