package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// A person who comes back finds the challenge as it was, for as long as a code of
// it lives, and whoever has the address.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		customer bool
		active   bool
		request  func(id int64) otp.Request
		mails    int // of the first and of a further code
	}{
		"registration": {true, false, func(id int64) otp.Request {
			return otp.Request{CustomerID: &id, Purpose: otp.Registration}
		}, 2},
		"active": {true, true, func(id int64) otp.Request { return otp.Request{CustomerID: &id, Purpose: otp.Registration} }, 2},
		"banned": {true, false, func(id int64) otp.Request { return otp.Request{CustomerID: &id, Purpose: otp.Registration} }, 0},
		"form": {false, false, func(int64) otp.Request {
			return otp.Request{Email: "a@example.com", Purpose: otp.Registration, Data: []byte(`{"a":1}`)}
		}, 2},
		"login":   {true, true, func(int64) otp.Request { return otp.Request{Email: "a@example.com", Purpose: otp.Login} }, 2},
		"unknown": {false, false, func(int64) otp.Request { return otp.Request{Email: "a@example.com", Purpose: otp.Login} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			var id int64
			switch {
			case name == "registration": // with the right to be activated
				id = pgtest.AddRegistering(t, d.db, "a@example.com")
			case c.customer:
				id = pgtest.AddCustomer(t, d.db, "a@example.com", c.active)
			}
			r := c.request(id)
			r.Resume = true
			first := d.issue(t, r)
			d.later(t, 9*time.Minute)
			again := d.issue(t, r)
			if again.ChallengeID != first.ChallengeID || again.Email != first.Email || !again.ValidUntil.Equal(first.ValidUntil.Add(-9*time.Minute)) {
				t.Errorf("%+v, want %+v nine minutes on", again, first)
			}
			if n := len(d.mails(t)); n != c.mails/2 {
				t.Errorf("%d mails, want %d", n, c.mails/2)
			}
			if got := d.events(r.Purpose, "repeated"); got != 1 {
				t.Errorf("%d events repeated", got)
			}
			d.later(t, time.Minute+time.Second) // the code is too old
			if third := d.issue(t, r); third.ChallengeID != first.ChallengeID || !third.ValidUntil.After(again.ValidUntil.Add(time.Minute)) {
				t.Errorf("after its life: %+v", third)
			}
			if n := len(d.mails(t)); n != c.mails {
				t.Errorf("%d mails, want %d", n, c.mails)
			}
		})
	}
}

func TestResumeKeepsCodesAndForms(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	resume := otp.Request{CustomerID: &id, Purpose: otp.Registration, Resume: true}
	first := d.register(t, id)
	code := d.code(t)
	d.later(t, 2*time.Minute)
	if again := d.issue(t, resume); again.ChallengeID != first.ChallengeID || len(d.mails(t)) != 1 {
		t.Errorf("%+v", again)
	}
	if err := d.verify(t, first.ChallengeID, code); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
	if next := d.issue(t, resume); next.ChallengeID == first.ChallengeID {
		t.Error("a verified challenge was resumed")
	}

	form := func(data string) (otp.Issued, error) {
		return d.Issue(t.Context(), otp.Request{Email: "new@example.com", Purpose: otp.Registration, Data: []byte(data), Resume: true})
	}
	sari, err := form(`{"username":"sari"}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = form(`{"username":"thief"}`)
	refused(t, err, problem.OTPTooSoon)
	d.later(t, 2*time.Minute)
	if thief, err := form(`{"username":"thief"}`); err != nil || thief.ChallengeID == sari.ChallengeID {
		t.Errorf("another form resumed the first: %+v, %v", thief, err)
	}
	refused(t, d.verify(t, sari.ChallengeID, "123456"), problem.OTPExpired)
}
