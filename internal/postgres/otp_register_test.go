package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// newSite gives the login of the site: it owns the users and is a producer.
func (d *otpFixture) newSite(t testing.TB) *pgtest.Login {
	t.Helper()
	site := d.db.Login(t, "", "sespan_producer")
	d.db.Exec(t, `GRANT SELECT, INSERT, UPDATE, DELETE ON public.auth_user TO `+pgx.Identifier{site.Name}.Sanitize())
	return site
}

func text(t testing.TB, site *pgtest.Login, query string, args ...any) string {
	t.Helper()
	var got string
	if err := site.Pool.QueryRow(t.Context(), query, args...).Scan(&got); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return got
}

func sqlState(err error) string {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pe.Code
	}
	return fmt.Sprint(err)
}

func registered(t testing.TB, site *pgtest.Login, customer int64) string {
	t.Helper()
	return text(t, site, `SELECT sespan.otp_register($1)`, customer)
}

func superseded(t testing.TB, site *pgtest.Login, customer int64) string {
	t.Helper()
	return text(t, site, `SELECT sespan.otp_supersede($1)`, customer)
}

// The site's way: the user, the right and what is replaced in one transaction.
func TestRegisterGoesWithTheSitesTransaction(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	register := func(end func(pgx.Tx) error) (id int64) {
		tx, err := site.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var answer string
		err = tx.QueryRow(t.Context(), `INSERT INTO public.auth_user (username, email, is_active) VALUES ('sari', 'sari@example.com', false) RETURNING id`).Scan(&id)
		if err == nil {
			err = tx.QueryRow(t.Context(), `SELECT sespan.otp_register($1)`, id).Scan(&answer)
		}
		if err != nil || answer != "granted" || end(tx) != nil {
			t.Fatalf("otp_register: %q, %v", answer, err)
		}
		return id
	}
	if gone := register(func(tx pgx.Tx) error { return tx.Rollback(t.Context()) }); text(t, site, `SELECT sespan.otp_right($1)`, gone) != "none" {
		t.Error("the right outlived the rollback")
	}
	id := register(func(tx pgx.Tx) error { return tx.Commit(t.Context()) })
	issued := d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Registration})
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
}

// What is replaced is replaced for good: codes that were mailed before, whatever
// became of their mail, and challenges that could have had further codes.
func TestRegisterSupersedes(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id, other := pgtest.AddRegistering(t, d.db, "a@example.com"), pgtest.AddRegistering(t, d.db, "b@example.com")
	old := d.register(t, id)
	stolen := d.code(t)
	d.db.Exec(t, `UPDATE public.auth_user SET email = 'c@example.com' WHERE id = $1`, id) // another budget
	second := d.register(t, id)
	unrelated := d.register(t, other)
	d.later(t, time.Minute)
	login := d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login})
	if got := superseded(t, site, id); got != "live" {
		t.Fatalf("otp_supersede: %s", got)
	}
	for _, gone := range []otp.Issued{old, second} {
		refused(t, d.verify(t, gone.ChallengeID, stolen), problem.OTPExpired)
		_, err := d.Resend(t.Context(), gone.ChallengeID)
		refused(t, err, problem.OTPExpired)
		if s, err := d.Status(t.Context(), gone.ChallengeID); err != nil || s.Status != otp.Superseded {
			t.Errorf("status %+v, %v", s, err)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp WHERE status = 'superseded'`); n != 2 {
		t.Errorf("%d codes are superseded, want 2", n)
	}
	for _, kept := range []otp.Issued{unrelated, login} {
		if s, err := d.Status(t.Context(), kept.ChallengeID); err != nil || s.Status != otp.Pending {
			t.Errorf("another challenge: %+v, %v", s, err)
		}
	}
}

// The pause between two mails outlives the challenge, and so does the hour's budget.
func TestRegisterDoesNotRefillTheMails(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	ask := func() (otp.Issued, error) {
		superseded(t, site, id)
		return d.Issue(t.Context(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
	}
	last, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		_, err := ask()
		if p := refused(t, err, problem.OTPTooSoon); p.RetryAfter < 50*time.Second || p.RetryAfter > time.Minute {
			t.Errorf("retry after %v, want what is left of the minute", p.RetryAfter)
		}
		d.later(t, time.Minute)
		next, err := ask()
		if err != nil || next.ChallengeID == last.ChallengeID || len(d.mails(t)) != n+2 {
			t.Fatalf("a minute later: %+v, %v, %d mails", next, err, len(d.mails(t)))
		}
		last = next
	}
	d.later(t, time.Minute)
	_, err = ask()
	if p := refused(t, err, problem.OTPTooSoon); p.RetryAfter < 50*time.Minute || len(d.mails(t)) != 5 {
		t.Errorf("the sixth in an hour: retry after %v, %d mails", p.RetryAfter, len(d.mails(t)))
	}
}

// Whoever may not set is_active cannot lie about it either; without a binding
// there is nobody to register.
func TestRegisterRefusals(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id := pgtest.AddCustomer(t, d.db, "a@example.com", false)
	mailOnly, reader := d.db.Login(t, "", "sespan_producer"), d.db.Login(t, "", "sespan_reader_detail")
	state := func(login *pgtest.Login, query string) string {
		_, err := login.Pool.Exec(t.Context(), query, id)
		return sqlState(err)
	}
	for query, who := range map[string]*pgtest.Login{
		`SELECT sespan.otp_register($1)`:                          mailOnly,
		`SELECT sespan.otp_register_replace($1, 'a@example.com')`: mailOnly,
		`SELECT sespan.otp_supersede($1)`:                         mailOnly,
		`SELECT sespan.otp_right_grant($1)`:                       mailOnly,
		`SELECT sespan.otp_right_end($1)`:                         mailOnly,
		`SELECT sespan.otp_activated($1)`:                         reader,
		`SELECT sespan.otp_right($1)`:                             reader,
		`SELECT sespan.otp_unused(now(), $1, 1)`:                  reader,
		`SELECT sespan.otp_register($1) /* as a reader */`:        reader,
	} {
		if got := state(who, query); got != "42501" {
			t.Errorf("%s: %q, want permission denied", query, got)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_activation`); n != 0 {
		t.Error("a right was granted")
	}
	d.db.Exec(t, `ALTER TABLE public.auth_user RENAME COLUMN email TO address`)
	if got := state(site, `SELECT sespan.otp_register($1)`); got != "SP001" {
		t.Errorf("a stale binding: %q", got)
	}
	if _, err := postgres.UnbindCustomers(t.Context(), d.db.URL, nil); err != nil {
		t.Fatal(err)
	}
	if got := state(site, `SELECT sespan.otp_register($1)`); got != "SP001" {
		t.Errorf("no binding: %q", got)
	}
}
