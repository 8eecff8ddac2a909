package cli

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/httpfetch"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// examine gives what the checks look with: a login with the rights of serve, and settings
// that a test adds to.
func examineDB(t *testing.T, db *pgtest.DB) *examination {
	t.Helper()
	x := examineSettings(t)
	url := db.ServiceURL(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	x.pool, x.settings.URL, x.settings.Direct = pool, url, url
	return x
}

// examineSettings needs no database; no name is known to its resolver.
func examineSettings(t *testing.T) *examination {
	t.Helper()
	ring, err := secret.Parse(secret.Generate("1"))
	if err != nil {
		t.Fatal(err)
	}
	s := &config.Serve{Parts: []string{"api", "mail", "maintenance"}}
	s.Ring, s.SMTPConnections, s.APILogMaxBytes, s.APILogDays = ring, 1, 10<<30, 30
	return &examination{settings: s, resolver: names{}, web: httpfetch.New(), now: time.Now, logger: slog.New(slog.DiscardHandler)}
}

// look runs a check and gives its lines as they are told: state, text, and what to do.
func look(t *testing.T, db *pgtest.DB, run func(*examination, context.Context) []finding) string {
	t.Helper()
	return told(run(examineDB(t, db), t.Context()))
}

func told(findings []finding) string {
	lines := make([]string, len(findings))
	for i, f := range findings {
		lines[i] = string(f.State) + ": " + f.Text
		if f.Mend != "" {
			lines[i] += " → " + f.Mend
		}
	}
	return strings.Join(lines, "\n")
}

// says fails the test when a check does not begin with what is wanted, or does not say the rest.
func says(t *testing.T, got, begins string, holds ...string) {
	t.Helper()
	if !strings.HasPrefix(got, begins) {
		t.Errorf("%q\nwant it to begin with %q", got, begins)
	}
	for _, h := range holds {
		if !strings.Contains(got, h) {
			t.Errorf("%q\nwant it to hold %q", got, h)
		}
	}
}

func TestDoctorTellsOfAddresses(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]postgres.Addresses{
		"ok: a unique index keeps":                                 {Unique: true, Indexed: true},
		"warning: whether any is shared was not counted within 2s": {UniqueIndex: "STATEMENT", Indexed: true},
		"ok: none is shared → to keep it so: STATEMENT":            {Counted: true, UniqueIndex: "STATEMENT", Indexed: true},
		"warning: 3 shared by several customers":                   {Counted: true, Shared: 3, UniqueIndex: "STATEMENT"},
		"warning: more than 1000 shared":                           {Counted: true, Shared: 1000, More: true, UniqueIndex: "STATEMENT"},
	} {
		got := told(judgeAddresses(a))
		if !strings.HasPrefix(got, want) || strings.Contains(got, "STATEMENT") == a.Unique || strings.ContainsAny(got, "\n") {
			t.Errorf("%+v: %q, want %q", a, got, want)
		}
	}
}

// A shared address is worth a look and no fault: serve works without.
func TestDoctorLooksAtAddresses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	at := func() string { t.Helper(); return look(t, db, (*examination).checkAddresses) }
	pgtest.AddCustomer(t, db, "a@example.com", true)
	const index = "CREATE UNIQUE INDEX CONCURRENTLY ON public.auth_user (upper(email))"
	if got := at(); got != "ok: none is shared; no index serves look-ups by address → to keep it so: "+index {
		t.Error(got)
	}
	twin := pgtest.AddCustomer(t, db, "A@example.com", true)
	if got := at(); !strings.HasPrefix(got, "warning: 1 shared by several customers") || !strings.HasSuffix(got, "; for look-ups now: CREATE INDEX CONCURRENTLY ON public.auth_user (upper(email))") {
		t.Error(got)
	}
	db.Exec(t, `DELETE FROM public.auth_user WHERE id = $1`, twin)
	db.Exec(t, index)
	if got := at(); got != "ok: a unique index keeps each to one customer" {
		t.Error(got)
	}
}

// Whether plain SQL is watched is worth a word, and no fault.
func TestDoctorTellsOfTheWatch(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, c := range []struct {
		watch bool
		want  string
	}{{false, "bind-customers --watch"}, {true, "bound and watched"}} {
		if _, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.auth_user", Watch: c.watch}); err != nil {
			t.Fatal(err)
		}
		says(t, look(t, db, (*examination).checkBinding), "ok: ", c.want)
	}
}

// One fault, one line: what could only say the same again is not checked.
func TestDoctorSaysAFaultOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `ALTER TABLE public.auth_user RENAME email TO mail`)
	x, r := examineDB(t, db), &diagnosis{}
	x.run(t.Context(), r)
	for _, l := range r.Checks {
		switch l.Name {
		case "customers":
			says(t, told([]finding{l.finding}), "wrong: stale", "→ run: sespan bind-customers")
		case "addresses":
			says(t, told([]finding{l.finding}), "not_checked: first mend what is said of customers")
		}
	}
}
