package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

const (
	lockCustomer = `SELECT FROM public.auth_user WHERE id = $1 FOR UPDATE`
	replace      = `UPDATE public.auth_user SET password = 'replaced' WHERE id = $1`
)

// reregister is what a site does when a form comes for an address that it knows:
// the data is replaced only where the right to activate is there.
func reregister(site *pgtest.Login, customer int64, first ...string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = pgx.BeginFunc(ctx, site.Pool, func(tx pgx.Tx) error {
		for _, statement := range first {
			if _, err := tx.Exec(ctx, statement, customer); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(ctx, `SELECT sespan.otp_supersede($1)`, customer).Scan(&answer); err != nil || answer == "ended" {
			return err
		}
		_, err := tx.Exec(ctx, replace, customer)
		return err
	})
	return answer, err
}

func (d *otpFixture) replaced(t *testing.T, customer int64) bool {
	t.Helper()
	return count(t, d.db, `SELECT count(*) FROM public.auth_user WHERE id = $1 AND password = 'replaced'`, customer) == 1
}

func (d *otpFixture) noDeadlock(t *testing.T) {
	t.Helper()
	if n := count(t, d.db, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// waiting returns when n sessions of the database wait for a lock.
func (d *otpFixture) waiting(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for count(t, d.db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) < n {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

// A verification and a further registration at the same moment: one of them wins,
// and whoever typed the code never gets the data of whoever filled in the form.
func TestVerifyAgainstRegister(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rounds int
		first  []string
	}{
		"register first": {40, nil},
		"customer first": {40, []string{lockCustomer}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{conns: 8})
			site := d.newSite(t)
			for n := range c.rounds {
				id := pgtest.AddRegistering(t, d.db, fmt.Sprintf("a%d@example.com", n))
				issued, code := d.register(t, id), d.code(t)
				var answers [3]string
				var failures [3]error
				slugs := concurrently(3, func(i int) (err error) {
					if i == 0 {
						_, err = d.Verify(context.Background(), issued.ChallengeID, code, "")
						return err
					}
					answers[i], failures[i] = reregister(site, id, c.first...)
					return failures[i]
				})
				switch active := d.active(t, id); {
				case active && slices.Equal(answers[1:], []string{"ended", "ended"}) && slugs[""] == 3 && !d.replaced(t, id):
				case !active && slices.Equal(answers[1:], []string{"live", "live"}) && slugs[""] == 2 && d.replaced(t, id):
					refused(t, d.verify(t, issued.ChallengeID, code), problem.OTPExpired)
				default:
					t.Fatalf("active %v, answers %v, slugs %v, replaced %v: %v", active, answers, slugs, d.replaced(t, id), failures)
				}
			}
			d.noDeadlock(t)
		})
	}
}

// The verification has the locks: the form comes too late.
func TestRegisterWaitsForAVerification(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	answers := make(chan string, 1)
	_, err := d.store.Verify(t.Context(), issued.ChallengeID, otp.DefaultLimits(10*time.Minute), func(st otp.State) (otp.VerifyDecision, error) {
		go func() {
			answer, err := reregister(site, id)
			answers <- fmt.Sprint(answer, err)
		}()
		d.waiting(t, 1)
		return otp.VerifyDecision{Action: otp.Consume, CodeID: st.Codes[0].ID, Status: otp.Verified, NeedsRight: true, MayUse: true}, nil
	})
	if answer := <-answers; err != nil || answer != "ended<nil>" || !d.active(t, id) || d.replaced(t, id) {
		t.Errorf("verify: %v, otp_supersede: %s, active %v, replaced %v", err, answer, d.active(t, id), d.replaced(t, id))
	}
	d.noDeadlock(t)
}

// The form has the locks, and the customer's row perhaps before them: the
// verification gives way, and its code is worth nothing afterwards.
func TestVerificationGivesWayToRegister(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	for name, c := range map[string]struct {
		first string
		meet  func(tried <-chan struct{}) // until the verification has met the lock
	}{
		"register": {`SELECT sespan.otp_supersede($1)`, func(<-chan struct{}) { d.waiting(t, 1) }},
		"customer": {lockCustomer, func(tried <-chan struct{}) { <-tried; <-tried }},
	} {
		id := pgtest.AddRegistering(t, d.db, name+"@example.com")
		issued, code := d.register(t, id), d.code(t)
		tx, err := site.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), c.first, id); err != nil {
			t.Fatal(err)
		}
		verified, tried := make(chan error, 1), make(chan struct{}, 100)
		go func() {
			_, err := d.store.Verify(context.Background(), issued.ChallengeID, otp.DefaultLimits(10*time.Minute), func(st otp.State) (otp.VerifyDecision, error) {
				tried <- struct{}{}
				if !st.Counted {
					return otp.VerifyDecision{}, problem.New(problem.OTPExpired, "superseded")
				}
				return otp.VerifyDecision{Action: otp.Consume, CodeID: st.Codes[0].ID, Status: otp.Verified, NeedsRight: true, MayUse: true}, nil
			})
			verified <- err
		}()
		c.meet(tried)
		for _, statement := range []string{`SELECT sespan.otp_supersede($1)`, replace} {
			if _, err := tx.Exec(t.Context(), statement, id); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		refused(t, <-verified, problem.Unavailable) // while the site's transaction is open
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused(t, d.verify(t, issued.ChallengeID, code), problem.OTPExpired)
		if d.active(t, id) || !d.replaced(t, id) {
			t.Errorf("%s: active %v, replaced %v", name, d.active(t, id), d.replaced(t, id))
		}
	}
	d.noDeadlock(t)
}

// One customer, many forms and requests for codes at once: one right, one
// challenge that lives at most, and everybody gets an answer.
func TestParallelRegistersOfOneCustomer(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	site := d.newSite(t)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	answers := make([]string, 20)
	got := concurrently(24, func(i int) (err error) {
		if i < len(answers) {
			answers[i], err = reregister(site, id)
			return err
		}
		_, err = d.Issue(context.Background(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
		if slug := problem.SlugOf(err); slug == problem.OTPTooSoon || slug == problem.Unavailable {
			return nil
		}
		return err
	})
	slices.Sort(answers)
	if granted := slices.Compact(answers); got[""] != 24 || !slices.Equal(granted, []string{"live"}) {
		t.Errorf("answers %v, errors %v", answers, got)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_challenge WHERE status = 'pending' AND NOT decoy`); n > 1 {
		t.Errorf("%d challenges are alive", n)
	}
	d.noDeadlock(t)
}

// At REPEATABLE READ a site may miss what was committed since its snapshot: it is
// told so, and replaces nothing.
func TestRegisterAtRepeatableRead(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	for name, meanwhile := range map[string]func(uuid.UUID, string, int64) error{
		"verified": func(c uuid.UUID, code string, _ int64) error { return d.verify(t, c, code) },
		"resent": func(c uuid.UUID, _ string, _ int64) error {
			d.later(t, time.Minute)
			return ignore(d.Resend(t.Context(), c))
		},
	} {
		id := pgtest.AddRegistering(t, d.db, name+"@example.com")
		issued, code := d.register(t, id), d.code(t)
		tx, err := site.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), `SELECT FROM public.auth_user WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		if err := meanwhile(issued.ChallengeID, code, id); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err = tx.Exec(t.Context(), `SELECT sespan.otp_supersede($1)`, id); sqlState(err) != "40001" {
			t.Errorf("%s: %v, want a serialization failure", name, err)
		}
		_ = tx.Rollback(t.Context())
	}
}
