package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// forms ask for a mail to the address in every way that there is: registration by
// customer and by form, the notice of an account, a login code, a password reset.
func (d *otpFixture) forms(t *testing.T, emails []string, visitor netip.Addr) []func(i int) error {
	t.Helper()
	issue := func(r otp.Request) error {
		r.Visitor = visitor
		return ignore(d.Issue(context.Background(), r))
	}
	of := func(i int) string { return emails[i%len(emails)] }
	return []func(i int) error{
		func(i int) error { return issue(otp.Request{Email: of(i), Purpose: otp.Login}) },
		func(i int) error {
			return issue(otp.Request{Email: of(i), Purpose: otp.Registration, Data: fmt.Appendf(nil, `{"n":%d}`, i)})
		},
		func(i int) error { return issue(otp.Request{Email: of(i), Purpose: otp.Registration}) },
		func(i int) error {
			var wait time.Duration
			err := d.db.Pool.QueryRow(context.Background(), `SELECT sespan.budget_take('mails', $1, false, $2)`, otp.AddressKey(of(i)), visitor).Scan(&wait)
			if err == nil && wait > 0 {
				return problem.New(problem.OTPTooSoon, "").WithRetryAfter(wait)
			}
			if err == nil {
				_, err = d.db.Pool.Exec(context.Background(), `SELECT sespan.mail_enqueue(recipient => $1, subject => 'reset', body_text => 'x')`, of(i))
			}
			return err
		},
	}
}

// used gives how many mails were counted on the site's day.
func (d *otpFixture) used(t *testing.T) int {
	t.Helper()
	return count(t, d.db, `SELECT coalesce(sum(used), 0) FROM sespan.budget_site`)
}

func (d *otpFixture) queued(t *testing.T) int {
	t.Helper()
	return count(t, d.db, `SELECT count(*) FROM sespan.mail_message`)
}

// A simulated day of a stranger who asks all forms in all spellings every few
// minutes: ten mails, whoever has the address.
func TestADayOfOneAddress(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			if known {
				pgtest.AddCustomer(t, d.db, "a@example.com", true)
			}
			forms := d.forms(t, []string{"a@example.com", "A@EXAMPLE.com", "a@ｅxample.com", "ａ@example.com"}, netip.Addr{})
			refusals := 0
			for i := range 24 * 12 {
				if err := forms[i%len(forms)](i); err != nil {
					refused(t, err, problem.OTPTooSoon)
					refusals++
				}
				d.later(t, 5*time.Minute)
			}
			if n := d.used(t); n != 10 {
				t.Errorf("%d mails are counted in a day", n)
			}
			if n := d.queued(t); n > 10 || n < 1 {
				t.Errorf("%d mails are queued in a day", n)
			}
			if refusals == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}

// All forms at once, through two pools as of two processes: one mail a minute.
func TestParallelFormsMailOnce(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	pgtest.AddCustomer(t, d.db, "a@example.com", true)
	other := *d
	pool := openPool(t, d.login.URL, 8)
	other.store = postgres.NewOTPStore(pool)
	other.start(t, otpOptions{keys: secret.Generate("k1")})
	emails := []string{"a@example.com", "A@example.COM"}
	forms := append(d.forms(t, emails, netip.Addr{}), other.forms(t, emails, netip.Addr{})...)
	got := concurrently(40, func(i int) error { return forms[i%len(forms)](i) })
	if n := d.used(t); n != 1 {
		t.Errorf("%d mails at once (%v)", n, got)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.mail_message`); n > 1 {
		t.Errorf("%d mails are queued", n)
	}
	if got[""]+got[problem.OTPTooSoon] != 40 {
		t.Errorf("answers %v", got)
	}
}

func TestParallelVisitorIsBounded(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	got := concurrently(60, func(i int) error {
		visitor := netip.MustParseAddr(fmt.Sprintf("2001:db8:7::%d", i+1)) // one /64
		return ignore(d.Issue(context.Background(), otp.Request{Email: fmt.Sprintf("u%d@example.com", i), Purpose: otp.Login, Visitor: visitor}))
	})
	if got[""] != 20 || got[problem.OTPTooSoon] != 40 {
		t.Errorf("60 addresses at once: %v, want 20", got)
	}
	if err := ignore(d.Issue(t.Context(), otp.Request{Email: "u99@example.com", Purpose: otp.Login, Visitor: netip.MustParseAddr("2001:db8:7:1::1")})); err != nil {
		t.Errorf("another visitor: %v", err)
	}
	for range 17 {
		d.later(t, time.Minute)
		for range 20 {
			_ = ignore(d.Issue(t.Context(), otp.Request{Email: uuid.NewString() + "@example.com", Purpose: otp.Login, Visitor: netip.MustParseAddr("2001:db8:7::1")}))
		}
	}
	if n := count(t, d.db, `SELECT max(cardinality(used_at)) FROM sespan.budget`); n != 300 {
		t.Errorf("%d mails of a visitor in a day", n)
	}
}

func TestParallelCeilingOfTheSite(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	d.db.Exec(t, `UPDATE sespan.budget_limit SET most = 7 WHERE name = 'mails_site_day'`)
	got := concurrently(40, func(i int) error {
		return ignore(d.Issue(context.Background(), otp.Request{Email: fmt.Sprintf("u%d@example.com", i), Purpose: otp.Registration}))
	})
	if got[""] != 7 || got[problem.OTPTooSoon] != 33 {
		t.Errorf("40 addresses at once: %v, want 7", got)
	}
	_, err := d.Issue(t.Context(), otp.Request{Email: "u99@example.com", Purpose: otp.Login})
	if p := refused(t, err, problem.OTPTooSoon); p.RetryAfter > 24*time.Hour || p.RetryAfter <= 0 {
		t.Errorf("retry after %v, want what is left of the day", p.RetryAfter)
	}
	if err := ignore(d.Issue(t.Context(), otp.Request{Email: "u98@example.com", Purpose: otp.Login, KnownBrowser: true})); err != nil {
		t.Errorf("a known browser: %v", err)
	}
}

// Whatever strangers ask for and guess, the owner gets in from a browser that has
// verified the address; three mails an hour.
func TestOwnerIsNeverLockedOut(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	pgtest.AddCustomer(t, d.db, "a@example.com", true)
	for range 12 {
		if stranger, err := d.Issue(t.Context(), otp.Request{Email: "A@example.com", Purpose: otp.Login}); err == nil {
			for range 6 {
				_ = d.verify(t, stranger.ChallengeID, wrong(d.mails(t)...))
			}
		}
		d.later(t, 2*time.Minute)
	}
	if err := ignore(d.Issue(t.Context(), otp.Request{Email: "a@example.com", Purpose: otp.Login})); err == nil {
		t.Fatal("the strangers have not used the address's budget up")
	}
	for n := range 3 {
		own := d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login, KnownBrowser: true})
		if stranger, err := d.Issue(t.Context(), otp.Request{Email: "a@example.com", Purpose: otp.Login}); err == nil && stranger.ChallengeID == own.ChallengeID {
			t.Error("a stranger shares the owner's challenge")
		}
		if err := d.verify(t, own.ChallengeID, d.code(t)); err != nil {
			t.Errorf("login %d: %v", n+1, err)
		}
	}
	_, err := d.Issue(t.Context(), otp.Request{Email: "a@example.com", Purpose: otp.Login, KnownBrowser: true})
	refused(t, err, problem.OTPTooSoon)
	d.later(t, time.Hour)
	d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login, KnownBrowser: true})
}

// What sends no mail changes nothing: no row, no code, no count.
func TestRefusedMailChangesNothing(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	ask := func(data string) (otp.Issued, error) {
		return d.Issue(t.Context(), otp.Request{Email: "a@example.com", Purpose: otp.Registration, Data: []byte(data)})
	}
	owner, err := ask(`{"of":"the owner"}`)
	if err != nil {
		t.Fatal(err)
	}
	code := d.code(t)
	for range 20 {
		_, err := ask(`{"of":"a stranger"}`)
		refused(t, err, problem.OTPTooSoon)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_challenge`); n != 1 {
		t.Errorf("%d challenges", n)
	}
	if err := d.verify(t, owner.ChallengeID, code); err != nil {
		t.Errorf("the owner's code: %v", err)
	}
}

// An address beyond ASCII has no key in SQL; asked for by customer it is counted by
// the same key as by address.
func TestBudgetOfAnAddressBeyondASCII(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddCustomer(t, d.db, "käse@bücher.example", true)
	d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Login})
	_, err := d.Issue(t.Context(), otp.Request{Email: "KÄSE@xn--bcher-kva.example", Purpose: otp.Registration})
	refused(t, err, problem.OTPTooSoon)
}

func TestBudgetVisitor(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::ffff:192.0.2.7": "192.0.2.7",
		"127.0.0.1": "", "::1": "", "::ffff:127.0.0.1": "", "10.0.0.1": "10.0.0.1",
	} {
		var got *string
		if err := db.Pool.QueryRow(t.Context(), `SELECT sespan.budget_visitor($1::inet)`, address).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if (got == nil) != (want == "") || got != nil && *got != want {
			t.Errorf("%s: %v, want %q", address, got, want)
		}
	}
}

// Limits are settings: they count at once, NULL opens one and 0 closes it; idle
// budgets go, and none keeps more than its limits reach.
func TestBudgetLimitsAreSettings(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	take := func() (wait time.Duration) {
		if err := d.db.Pool.QueryRow(t.Context(), `SELECT sespan.budget_take('mails', 'a@example.com')`).Scan(&wait); err != nil {
			t.Fatal(err)
		}
		return wait
	}
	if first, second := take(), take(); first != 0 || second <= 59*time.Second || second > time.Minute {
		t.Errorf("waits %v and %v", first, second)
	}
	d.db.Exec(t, `UPDATE sespan.budget_limit SET most = NULL WHERE scope = 'mails_address'`)
	for range 30 {
		if take() != 0 {
			t.Fatal("there is no limit")
		}
	}
	if n := count(t, d.db, `SELECT max(cardinality(used_at)) FROM sespan.budget`); n > 1 {
		t.Errorf("a budget without limits keeps %d uses", n)
	}
	d.db.Exec(t, `UPDATE sespan.budget_limit SET most = 0 WHERE name = 'mails_address_hour'`)
	if wait := take(); wait != time.Hour {
		t.Errorf("none is allowed: wait %v", wait)
	}
	d.later(t, 25*time.Hour)
	if n := count(t, d.db, `SELECT sespan.budget_sweep(100)`); n != 1 {
		t.Errorf("%d idle budgets are deleted", n)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.audit WHERE subject = 'setting' AND subject_id LIKE 'mails_address%'`); n != 4 {
		t.Errorf("%d changes in the audit", n)
	}
}

// By a clock that was ahead by an hour and is right again, everybody waits for as long as
// the pause or the period is, and never for that hour.
func TestAClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	d.later(t, -time.Hour)
	atMost := func(what string, err error, most time.Duration) {
		t.Helper()
		p, _ := errors.AsType[*problem.Problem](err)
		if err != nil && (p == nil || p.RetryAfter > most) {
			t.Errorf("%s: %v, after %v at most", what, err, most)
		}
	}
	_, err := d.Resend(t.Context(), issued.ChallengeID)
	atMost("another code", err, time.Minute)
	again, err := d.Issue(t.Context(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
	atMost("a registration anew", err, time.Minute)
	if wait := time.Until(again.ResendAfter); err == nil && wait > time.Minute+2*time.Second {
		t.Errorf("the answer says to wait %v", wait)
	}
	for range 12 {
		err = d.verify(t, issued.ChallengeID, wrong(d.mails(t)...))
	}
	refused(t, err, problem.OTPLocked)
	d.later(t, -time.Hour)
	_, err = d.Issue(t.Context(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
	atMost("after too many guesses", err, time.Hour)
}
