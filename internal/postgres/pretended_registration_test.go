package postgres_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
)

const pretendedBegin = `SELECT sespan.pretended_begin($1, $2, 'hash of ' || $1, $3, $4)`

// pretend registers an address under a name, in a transaction of its own.
func pretend(t testing.TB, site *pgtest.Login, address, name string, pretended bool) string {
	t.Helper()
	_, err := site.Pool.Exec(t.Context(), pretendedBegin, address, name, int64(7), pretended)
	if err == nil {
		return ""
	}
	return sqlState(err)
}

// What is pretended has its name and its password, one for an address; what is real
// leaves nothing behind, and takes what was pretended away.
func TestPretendedRegistration(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	find := func(address, name string) string {
		t.Helper()
		return text(t, site, `SELECT coalesce(password, 'none') || coalesce(' of ' || customer_id, '') FROM sespan.pretended_find($1, $2)`, address, name)
	}
	taken := func(name, address string) string {
		t.Helper()
		return text(t, site, `SELECT sespan.pretended_takes_name($1, $2)::text`, name, address)
	}
	for _, step := range []struct{ what, got, want string }{
		{"a real one", pretend(t, site, "b@example.com", "budi", false), ""},
		{"leaves nothing", find("b@example.com", "budi"), "none"},
		{"a pretended one", pretend(t, site, "a@example.com", "budi", true), ""},
		{"by its address", find("a@example.com", "else"), "hash of a@example.com of 7"},
		{"by its name", find("budi", "budi"), "hash of a@example.com of 7"},
		{"taken for others", taken("budi", "b@example.com"), "true"},
		{"not for itself", taken("budi", "a@example.com"), "false"},
		{"a real one of another address", pretend(t, site, "b@example.com", "budi", false), "23505"},
		{"a pretended one of another address", pretend(t, site, "c@example.com", "budi", true), "23505"},
		{"under another name", pretend(t, site, "a@example.com", "sari", true), ""},
		{"the first is free", taken("budi", "b@example.com"), "false"},
		{"without a name", pretend(t, site, "c@example.com", "", true), ""},
		{"another without a name", pretend(t, site, "d@example.com", "", true), ""},
		{"nobody has the empty name", taken("", "b@example.com"), "false"},
		{"the address registers for real", pretend(t, site, "a@example.com", "sari", false), ""},
		{"and is pretended no more", find("a@example.com", "sari"), "none"},
	} {
		if step.got != step.want {
			t.Errorf("%s: %q, want %q", step.what, step.got, step.want)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.pretended_registration WHERE name_hash IS NULL`); n != 2 {
		t.Errorf("%d rows are left", n)
	}
}

// Known or unknown: the transaction holds the same locks, and whoever registers the
// name meanwhile waits for it.
func TestPretendedRegistrationLocksLikeARealOne(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	held := map[bool][]string{}
	for _, pretended := range []bool{false, true, false, true} { // the later ones with all caches warm
		tx, err := site.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tx.Exec(t.Context(), pretendedBegin, "a@example.com", "budi", int64(7), pretended); err != nil {
			t.Fatal(err)
		}
		rows, err := tx.Query(t.Context(), `SELECT format('%s %s %s', l.locktype, l.relation::regclass, l.mode) FROM pg_locks l
			WHERE l.pid = pg_backend_pid() AND l.relation IS DISTINCT FROM 'pg_locks'::regclass ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		if held[pretended], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		other := make(chan string, 1)
		go func() {
			_, err := site.Pool.Exec(context.WithoutCancel(t.Context()), pretendedBegin, "b@example.com", "budi", nil, !pretended)
			other <- sqlState(err)
		}()
		d.waiting(t, 1)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "<nil>"
		if pretended {
			want = "23505"
		}
		if got := <-other; got != want {
			t.Errorf("pretended %t: the other one was answered %s, want %s", pretended, got, want)
		}
		d.db.Exec(t, `TRUNCATE sespan.pretended_registration`)
	}
	if !slices.Equal(held[false], held[true]) {
		t.Errorf("a real one holds %v, a pretended one %v", held[false], held[true])
	}
}

// A week, in portions, and past what a registration holds.
func TestPretendedRegistrationsAreSwept(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	for _, address := range []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"} {
		pretend(t, site, address, address, true)
	}
	d.db.Exec(t, `UPDATE sespan.pretended_registration SET registered_at = now() - interval '8 days'`)
	pretend(t, site, "a@example.com", "again", true)
	tx, err := site.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err = tx.Exec(t.Context(), pretendedBegin, "b@example.com", "held", nil, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 1, 0} {
		if n := count(t, d.db, `SELECT sespan.otp_sweep('30 days', 1)`); n != want {
			t.Errorf("%d rows were changed, want %d", n, want)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.pretended_registration`); n != 2 {
		t.Errorf("%d rows are left", n)
	}
}
