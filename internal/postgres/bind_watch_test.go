package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

func watched(t *testing.T, db *pgtest.DB) bool {
	t.Helper()
	return count(t, db, `SELECT sespan.otp_watched()::int`) == 1
}

// Plain SQL by the site's own login, many rows at once too, ends the rights; the code's
// own activation uses its right up as ever.
func TestTheWatchSeesPlainSQL(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	watchCustomers(t, d.db, d.db.URL)
	if !watched(t, d.db) {
		t.Fatal("no trigger")
	}
	for name, activate := range map[string]string{
		"update": `UPDATE public.auth_user SET is_active = true WHERE id = $1`,
		"all":    `UPDATE public.auth_user SET is_active = true WHERE id >= $1`,
		"upsert": `INSERT INTO public.auth_user (id, username, email) VALUES ($1::bigint, 'u' || $1::bigint, 'x') ON CONFLICT (id) DO UPDATE SET is_active = true`,
		"merge":  `MERGE INTO public.auth_user AS u USING (VALUES ($1::bigint)) AS v (id) ON u.id = v.id WHEN MATCHED THEN UPDATE SET is_active = true`,
	} {
		id := pgtest.AddRegistering(t, d.db, name+"@example.com")
		issued := d.register(t, id)
		code := d.code(t)
		for _, statement := range []string{update, activate, `UPDATE public.auth_user SET is_active = false WHERE id = $1`} {
			if _, err := site.Pool.Exec(t.Context(), statement, id); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		refused(t, d.verify(t, issued.ChallengeID, code), problem.ActivationRefused)
		if d.active(t, id) {
			t.Errorf("%s: a banned customer became active", name)
		}
	}
	id := pgtest.AddRegistering(t, d.db, "waits@example.com")
	issued := d.register(t, id)
	if _, err := site.Pool.Exec(t.Context(), update, id); err != nil {
		t.Fatal(err)
	}
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_activation WHERE customer_id = $1 AND used_at IS NOT NULL AND revoked_at IS NULL`, id); n != 1 {
		t.Error("the code's own activation was taken for somebody else's")
	}
}

func TestTheWatchComesAndGoes(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	if r := watchCustomers(t, d.db, d.db.URL); r.Unchanged || len(r.Granted) != 1 || !strings.HasPrefix(r.Granted[0], "CREATE OR REPLACE TRIGGER sespan_otp_watch") {
		t.Errorf("bind: %+v", r)
	}
	if r := watchCustomers(t, d.db, d.db.URL); !r.Unchanged {
		t.Errorf("again: %+v", r)
	}
	if r := bind(t, d.db, "public.auth_user"); !r.Unchanged || !watched(t, d.db) {
		t.Errorf("without asking: %+v", r)
	}
	// The site stays free, and hears why when it has changed what is watched.
	d.db.Exec(t, `ALTER TABLE public.auth_user ALTER COLUMN id TYPE bigint`)
	d.db.Exec(t, `ALTER TABLE public.auth_user RENAME COLUMN is_active TO enabled`)
	id := count(t, d.db, `INSERT INTO public.auth_user (username, email, enabled) VALUES ('x', 'x@example.com', false) RETURNING id`)
	d.db.Exec(t, `UPDATE public.auth_user SET enabled = true WHERE id = $1`, id)
	d.db.Exec(t, `ALTER TABLE public.auth_user RENAME COLUMN enabled TO is_active`)
	d.db.Exec(t, `ALTER TABLE public.auth_user ALTER COLUMN is_active DROP DEFAULT, ALTER COLUMN is_active TYPE text USING 'maybe'`)
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = 'surely' WHERE id = $1`, id)
	d.db.Exec(t, `ALTER TABLE public.auth_user ALTER COLUMN is_active TYPE boolean USING false`)
	d.db.Exec(t, `ALTER TABLE public.auth_user RENAME COLUMN is_active TO enabled`)
	if r := bind(t, d.db, "public.auth_user", "is_active=enabled"); r.Unchanged || !watched(t, d.db) {
		t.Errorf("bound anew: %+v", r)
	}
	if _, err := postgres.UnbindCustomers(t.Context(), d.db.URL, nil); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d.db, `SELECT count(*) FROM pg_trigger WHERE tgname = 'sespan_otp_watch'`); n != 0 || watched(t, d.db) {
		t.Error("unbind left the trigger")
	}
	d.db.Exec(t, `ALTER TABLE public.auth_user DROP COLUMN enabled`)
}

// Who binds without owning the table gets the statement for its owner, who may run it;
// unbinding needs no right on the table.
func TestTheWatchOfATableOfSomebodyElse(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	owner := d.db.Login(t, "", "sespan_producer")
	d.db.Exec(t, `ALTER TABLE public.auth_user OWNER TO `+owner.Name)
	d.db.Exec(t, `GRANT SELECT ON public.auth_user TO sespan_owner`)
	binder := d.db.Login(t, "", "sespan_owner")
	r := watchCustomers(t, d.db, binder.URL)
	if len(r.Pending) != 1 || watched(t, d.db) {
		t.Fatalf("bind: %+v", r)
	}
	if _, err := owner.Pool.Exec(t.Context(), r.Pending[0]); err != nil || !watched(t, d.db) {
		t.Fatalf("%s: %v", r.Pending[0], err)
	}
	if r := watchCustomers(t, d.db, binder.URL); !r.Unchanged || len(r.Pending) != 0 {
		t.Errorf("again: %+v", r)
	}
	if _, err := postgres.UnbindCustomers(t.Context(), binder.URL, nil); err != nil || watched(t, d.db) {
		t.Errorf("unbind: %v", err)
	}
}

func TestThereMayBeNothingToWatch(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	_, err := postgres.BindCustomers(t.Context(), d.db.URL, postgres.Binding{Table: "public.auth_user", Columns: map[string]string{"is_active": ""}, Watch: true})
	if err == nil || !strings.Contains(err.Error(), "nothing to watch") {
		t.Errorf("bind: %v", err)
	}
}

// An UPDATE of the site costs one probe of an index for each row, whatever it changed before.
func TestTheWatchGoesByTheIndex(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	d.fill(t, 5000)
	watchCustomers(t, d.db, d.db.URL)
	d.db.Exec(t, `VACUUM ANALYZE`)
	conn, err := d.newSite(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	const scans = `SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname = 'otp_activation'`
	before := count(t, d.db, scans)
	for _, statement := range []string{`UPDATE public.auth_user SET is_active = is_active`, `UPDATE public.auth_user SET is_active = true WHERE id = 7`, `SELECT pg_stat_force_next_flush()`, `SELECT 1`} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, d.db, scans) - before; n != 0 {
		t.Errorf("%d scans of all rights", n)
	}
}
