package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// again asks for a code a minute later.
func (d *otpFixture) again(t *testing.T, customer int64) otp.Issued {
	t.Helper()
	d.later(t, 61*time.Second)
	return d.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Registration})
}

func (d *otpFixture) refuse(t *testing.T, issued otp.Issued, customer int64) {
	t.Helper()
	code := d.code(t)
	refused(t, d.verify(t, issued.ChallengeID, code), problem.ActivationRefused)
	refused(t, d.verify(t, issued.ChallengeID, code), problem.OTPUsed)
	if d.active(t, customer) {
		t.Error("the customer became active")
	}
}

// decoy fails unless the challenge's code was mailed to nobody, so that none is correct.
func (d *otpFixture) decoy(t *testing.T, issued otp.Issued, customer int64, mails int) {
	t.Helper()
	if got := len(d.mails(t)); got != mails {
		t.Errorf("%d mails, want %d", got, mails)
	}
	refused(t, d.verify(t, issued.ChallengeID, "123456"), problem.OTPIncorrect)
	if d.active(t, customer) {
		t.Error("the customer became active")
	}
}

func TestWhoWasInactiveBeforeStaysInactive(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddCustomer(t, d.db, "a@example.com", false)
	d.decoy(t, d.register(t, id), id, 0)
	if d.events(otp.Registration, "decoy") != 1 || d.events(otp.Registration, "notified") != 0 {
		t.Error("events do not tell it")
	}
}

func TestLaterChallengesInheritTheRight(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	first := d.register(t, id)
	d.db.Exec(t, `UPDATE public.auth_user SET date_joined = now() - interval '3 days'`)
	d.later(t, 25*time.Hour)
	later := d.again(t, id)
	if later.ChallengeID == first.ChallengeID {
		t.Fatal("a day later: the same challenge")
	}
	if err := d.verify(t, later.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v, active %v", err, d.active(t, id))
	}
}

func TestBannedStaysBanned(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	if err := d.verify(t, d.register(t, id).ChallengeID, d.code(t)); err != nil {
		t.Fatal(err)
	}
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = false`) // Django's ban
	d.decoy(t, d.again(t, id), id, 1)
	d.later(t, 61*time.Second)
	if got := registered(t, d.newSite(t), id); got != "ended" { // the site claims that it is new
		t.Errorf("otp_register: %s", got)
	}
	d.decoy(t, d.register(t, id), id, 1)
}

func TestRevokedRightIsGone(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	revoke := func(want int) {
		t.Helper()
		if got := count(t, d.db, `SELECT sespan.otp_revoke($1)`, id); got != want {
			t.Errorf("otp_revoke: %d rows, want %d", got, want)
		}
	}
	revoke(1)
	revoke(0)
	d.refuse(t, issued, id)
	if s, err := d.Status(t.Context(), issued.ChallengeID); err != nil || s.Status != otp.Refused {
		t.Errorf("status %+v, %v", s, err)
	}
	if d.events(otp.Registration, "activation_refused") != 1 || d.events(otp.Registration, "verified") != 0 {
		t.Error("events do not tell it")
	}
	d.later(t, 61*time.Second)
	d.decoy(t, d.register(t, id), id, 1)
}

// A ban of somebody who never had a right, and of nobody.
func TestRevokeWithoutARight(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddCustomer(t, d.db, "a@example.com", false)
	if done, err := d.store.Revoke(t.Context(), id); err != nil || !done {
		t.Fatalf("revoke: %v, %v", done, err)
	}
	d.decoy(t, d.register(t, id), id, 0)
	if done, err := d.store.Revoke(t.Context(), 4711); err != nil || done {
		t.Errorf("revoke of nobody: %v, %v", done, err)
	}
}

// A registration of an active customer tells the owner that there is an account. A
// site whose customers are active from the start asks for a login instead.
func TestActiveCustomerIsToldOfTheAccount(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddCustomer(t, d.db, "a@example.com", true)
	d.register(t, id)
	d.later(t, time.Minute)
	login := d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Login})
	if got := d.mails(t); len(got) != 2 || got[0] != notice || d.verify(t, login.ChallengeID, got[1]) != nil {
		t.Errorf("mails %v, want a notice and a code for the login", got)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_activation`); n != 0 {
		t.Error("an active customer was given the right to be activated")
	}
}

// Where the site's table has no is_active there is no account to speak of.
func TestWithoutIsActiveACodeIsMailed(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	if _, err := postgres.BindCustomers(t.Context(), d.db.URL, postgres.Binding{Table: "public.auth_user", Columns: map[string]string{"is_active": ""}}); err != nil {
		t.Fatal(err)
	}
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Registration})
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
}

// Only a registration activates: a login code of a customer who has since been
// banned is refused, and so is one that has the right for its registration.
func TestLoginNeverActivates(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	d.register(t, id)
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = true`)
	d.later(t, time.Minute)
	issued := d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Login})
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = false`)
	d.refuse(t, issued, id)
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_activation WHERE used_at IS NULL`); n != 1 {
		t.Error("the login used the right up")
	}
}

func TestPurposesDoNotServeEachOther(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	registration := d.register(t, id)
	d.db.Exec(t, `UPDATE public.auth_user SET is_active = true`)
	d.later(t, 61*time.Second)
	login := d.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Login})
	if registration.ChallengeID == login.ChallengeID {
		t.Fatal("one challenge for two purposes")
	}
	codes := d.mails(t)
	refused(t, d.verify(t, registration.ChallengeID, codes[1]), problem.OTPIncorrect)
	refused(t, d.verify(t, login.ChallengeID, codes[0]), problem.OTPIncorrect)
}

// A code proves the address that it was mailed to, not the one that came after.
func TestAddressChangedMeanwhile(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	old := d.code(t)
	d.db.Exec(t, `UPDATE public.auth_user SET email = 'b@example.com'`)
	_, err := d.Resend(t.Context(), issued.ChallengeID)
	refused(t, err, problem.OTPExpired)
	fresh := d.register(t, id)
	if fresh.ChallengeID == issued.ChallengeID || fresh.Email != "b***@example.com" {
		t.Errorf("%+v is not of the new address", fresh)
	}
	refused(t, d.verify(t, issued.ChallengeID, old), problem.OTPExpired)
	if d.active(t, id) {
		t.Fatal("the old address's code activated the customer")
	}
	if err := d.verify(t, fresh.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
}
