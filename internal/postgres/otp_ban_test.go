package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// A ban holds: as soon as it is seen that the customer is active without a code, the
// right is over, whichever way Sespan hears of it first. The code that came before is
// worth nothing after the ban, and so is a new registration.
func TestABanAfterAnActivationByHandHolds(t *testing.T) {
	t.Parallel()
	for name, hear := range map[string]func(t *testing.T, d *otpFixture, id int64, issued otp.Issued){
		"save": func(t *testing.T, d *otpFixture, id int64, _ otp.Issued) {
			t.Helper()
			if got := text(t, d.newSite(t), `SELECT sespan.otp_activated($1)::text`, id); got != "true" {
				t.Errorf("otp_activated: %s", got)
			}
		},
		"registration": func(t *testing.T, d *otpFixture, id int64, _ otp.Issued) {
			t.Helper()
			d.again(t, id)
		},
		"form": func(t *testing.T, d *otpFixture, _ int64, _ otp.Issued) {
			t.Helper()
			d.later(t, time.Minute)
			d.issue(t, otp.Request{Email: "A@example.com", Purpose: otp.Registration, Data: []byte(`{}`)})
		},
		"form too soon": func(t *testing.T, d *otpFixture, id int64, _ otp.Issued) {
			t.Helper()
			_, err := d.Issue(t.Context(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
			if slug := problem.SlugOf(err); slug != "" && slug != problem.OTPTooSoon {
				t.Error(err)
			}
		},
		"resend": func(t *testing.T, d *otpFixture, _ int64, issued otp.Issued) {
			t.Helper()
			_, err := d.Resend(t.Context(), issued.ChallengeID)
			refused(t, err, problem.OTPTooSoon)
		},
		"wrong code": func(t *testing.T, d *otpFixture, _ int64, issued otp.Issued) {
			t.Helper()
			refused(t, d.verify(t, issued.ChallengeID, wrong(d.code(t))), problem.OTPIncorrect)
		},
		"login": func(t *testing.T, d *otpFixture, _ int64, _ otp.Issued) {
			t.Helper()
			d.later(t, time.Minute)
			d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login})
		},
		"otp_supersede": func(t *testing.T, d *otpFixture, id int64, _ otp.Issued) {
			t.Helper()
			if got := superseded(t, d.newSite(t), id); got != "ended" {
				t.Errorf("otp_supersede: %s", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			id := pgtest.AddRegistering(t, d.db, "a@example.com")
			issued := d.register(t, id)
			code := d.code(t)
			d.db.Exec(t, `UPDATE public.auth_user SET is_active = true`)
			hear(t, d, id, issued)
			d.db.Exec(t, `UPDATE public.auth_user SET is_active = false`)
			if err := d.verify(t, issued.ChallengeID, code); err == nil || d.active(t, id) {
				t.Errorf("the old code: %v", err)
			}
			before := len(d.mails(t))
			d.later(t, time.Hour)
			if got := superseded(t, d.newSite(t), id); got != "ended" {
				t.Errorf("registered again: %s", got)
			}
			d.decoy(t, d.register(t, id), id, before)
		})
	}
}

// What leaves a waiting customer inactive changes nothing.
func TestASaveOfAWaitingCustomerChangesNothing(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	if got := text(t, site, `SELECT sespan.otp_activated($1)::text`, id); got != "false" {
		t.Errorf("otp_activated: %s", got)
	}
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
	for _, nobody := range []int64{id, 4711} { // used, and nobody
		if got := text(t, site, `SELECT sespan.otp_activated($1)::text`, nobody); got != "false" {
			t.Errorf("otp_activated(%d): %s", nobody, got)
		}
	}
}

// A person saves, with the customer's row locked, while others register the customer,
// type the code, or delete unfinished registrations: nobody waits for each other.
func TestASaveWaitsForNobody(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	site := d.newSite(t)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	code := d.code(t)
	form, err := site.Pool.Begin(t.Context()) // has budget, challenges and codes, then wants the customer
	if err != nil {
		t.Fatal(err)
	}
	if _, err := form.Exec(t.Context(), otpSupersede, id); err != nil {
		t.Fatal(err)
	}
	person, err := site.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := person.Exec(t.Context(), `UPDATE public.auth_user SET is_active = true WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	wants := make(chan error, 1)
	go func() {
		_, err := form.Exec(context.Background(), lockCustomer, id)
		wants <- err
	}()
	d.waiting(t, 1)
	if _, err := person.Exec(t.Context(), `SELECT sespan.otp_activated($1)`, id); err != nil {
		t.Fatalf("otp_activated: %v", err)
	}
	if err := person.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-wants; err != nil {
		t.Fatalf("the form: %v", err)
	}
	if err := form.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = false`)
	refused(t, d.verify(t, issued.ChallengeID, code), problem.ActivationRefused)
	d.noDeadlock(t)
}

// A person's save and the code at the same moment: active either way, and no right is left.
func TestASaveAndACodeAtOnce(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	site := d.newSite(t)
	for range 20 {
		id := pgtest.AddRegistering(t, d.db, time.Now().Format("150405.000000000")+"@example.com")
		issued, code := d.register(t, id), d.code(t)
		slugs := concurrently(2, func(i int) error {
			if i == 0 {
				_, err := d.Verify(context.Background(), issued.ChallengeID, code, "")
				return err
			}
			return pgx.BeginFunc(context.Background(), site.Pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(context.Background(), `UPDATE public.auth_user SET is_active = true WHERE id = $1`, id); err != nil {
					return err
				}
				_, err := tx.Exec(context.Background(), `SELECT sespan.otp_activated($1)`, id)
				return err
			})
		})
		// Refused where the right ended between the look at the customer and the code.
		if got := text(t, site, `SELECT sespan.otp_right($1)`, id); slugs[""]+slugs[problem.ActivationRefused] != 2 || got != "ended" || !d.active(t, id) {
			t.Fatalf("%v, the right is %s, active %v", slugs, got, d.active(t, id))
		}
	}
	d.noDeadlock(t)
}

func watchCustomers(t *testing.T, db *pgtest.DB, url string, columns ...string) postgres.BindResult {
	t.Helper()
	given, err := postgres.ParseColumns(columns)
	if err != nil {
		t.Fatal(err)
	}
	r, err := postgres.BindCustomers(t.Context(), url, postgres.Binding{Table: "public.auth_user", Columns: given, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
