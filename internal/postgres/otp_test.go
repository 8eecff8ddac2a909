package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

func TestCodeActivatesANewCustomer(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "Sari@Example.co")
	issued := d.register(t, id)
	if issued.Email != "s***@example.co" || *issued.CustomerID != id {
		t.Errorf("answer %+v", issued)
	}
	if life := time.Until(issued.ValidUntil); life < 9*time.Minute || life > 10*time.Minute {
		t.Errorf("a code lives %v, want 10 minutes", life)
	}
	if pause := time.Until(issued.ResendAfter); pause < 50*time.Second || pause > time.Minute {
		t.Errorf("a resend is possible after %v, want a minute", pause)
	}
	v, err := d.Verify(t.Context(), issued.ChallengeID, " "+d.code(t)[:3]+"-"+d.code(t)[3:], "SARI@example.co")
	if err != nil || *v.CustomerID != id || time.Since(v.VerifiedAt) > time.Minute {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	if !d.active(t, id) {
		t.Error("the customer is not active")
	}
	refused(t, d.verify(t, issued.ChallengeID, d.code(t)), problem.OTPUsed)
	for event, want := range map[string]int{"issued": 1, "verified": 1, "activated": 1, "used": 1} {
		if got := d.events(otp.Registration, event); got != want {
			t.Errorf("event %s: %d, want %d", event, got, want)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.mail_message WHERE category = 'otp' AND priority < 5
		AND expires_at BETWEEN now() AND now() + interval '10 minutes' AND to_addresses = '{Sari@example.co}' AND subject LIKE '%Toko%'`); n != 1 {
		t.Error("the mail is not as it should be")
	}
}

func TestWrongCodesLockTheChallenge(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	code := d.code(t)
	for left := 4; left >= 0; left-- {
		p := refused(t, d.verify(t, issued.ChallengeID, wrong(code)), problem.OTPIncorrect)
		if p.Members["attempts_left"] != left {
			t.Errorf("attempts_left %v, want %d", p.Members["attempts_left"], left)
		}
	}
	p := refused(t, d.verify(t, issued.ChallengeID, code), problem.OTPLocked)
	if p.RetryAfter < 30*time.Second || p.RetryAfter > time.Minute {
		t.Errorf("retry after %v, want what is left of the minute", p.RetryAfter)
	}
	if _, err := d.Resend(t.Context(), issued.ChallengeID); problem.SlugOf(err) != problem.OTPLocked {
		t.Errorf("resend: %v", err)
	}
	s, err := d.Status(t.Context(), issued.ChallengeID)
	if err != nil || s.Status != otp.Locked || s.AttemptsLeft != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp WHERE status = 'locked'`); n != 1 {
		t.Error("the code is not locked")
	}
}

// The guesses of an address are counted whatever the challenges, the resends and
// the spelling of the address.
func TestBudgetOfAnAddressIsNotRefilled(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	pgtest.AddCustomer(t, d.db, "Ann@example.com", true)
	wrongs := 0
	for _, spelling := range []string{"ann@example.com", "ANN@example.com", "ann@EXAMPLE.com", "Ann@example.com"} {
		issued := d.issue(t, otp.Request{Email: spelling, Purpose: otp.Login})
		for range 6 {
			err := d.verify(t, issued.ChallengeID, wrong(d.mails(t)...))
			if problem.SlugOf(err) == problem.OTPIncorrect {
				wrongs++
			}
		}
		d.later(t, 61*time.Second)
	}
	if wrongs != 10 {
		t.Errorf("%d wrong guesses were taken in an hour, want 10", wrongs)
	}
	issued := d.issue(t, otp.Request{Email: "ann@example.com", Purpose: otp.Login})
	p := refused(t, d.verify(t, issued.ChallengeID, d.code(t)), problem.OTPLocked)
	if p.RetryAfter < 50*time.Minute || p.RetryAfter > time.Hour {
		t.Errorf("retry after %v, want most of an hour", p.RetryAfter)
	}
	d.later(t, time.Hour)
	issued = d.issue(t, otp.Request{Email: "ann@example.com", Purpose: otp.Login})
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestRightGuessGivesItsCountBack(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	pgtest.AddCustomer(t, d.db, "a@example.com", true)
	for range 5 {
		issued := d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login})
		refused(t, d.verify(t, issued.ChallengeID, wrong(d.mails(t)...)), problem.OTPIncorrect)
		if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil {
			t.Fatal(err)
		}
		d.later(t, time.Minute)
	}
	if n := count(t, d.db, `SELECT cardinality(wrong_at) FROM sespan.otp_budget`); n != 5 {
		t.Errorf("%d wrong guesses are counted, want the 5 wrong ones", n)
	}
	if n := count(t, d.db, `SELECT sum(wrong_guesses) FROM sespan.otp_challenge`); n != 5 {
		t.Errorf("the challenges count %d wrong guesses, want 5", n)
	}
}

func TestEmailMustMatchWhenGiven(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	_, err := d.Verify(t.Context(), issued.ChallengeID, d.code(t), "b@example.com")
	if p := refused(t, err, problem.OTPIncorrect); p.Members["attempts_left"] != 4 {
		t.Errorf("the guess was not counted: %v", p.Members)
	}
}

func TestMalformedCodeCostsNothing(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	for _, input := range []string{"", "12345", "123456789", "12345a", strings.Repeat("1", 100)} {
		refused(t, d.verify(t, issued.ChallengeID, input), problem.Invalid)
	}
	if s, err := d.Status(t.Context(), issued.ChallengeID); err != nil || s.AttemptsLeft != 5 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestExpiredCode(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	code := d.code(t)
	d.later(t, 10*time.Minute+time.Second)
	refused(t, d.verify(t, issued.ChallengeID, code), problem.OTPExpired)
	s, err := d.Status(t.Context(), issued.ChallengeID)
	if err != nil || s.Status != otp.Expired || s.AttemptsLeft != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp WHERE status = 'expired'`); n != 1 {
		t.Error("the code is not marked as expired")
	}
	again, err := d.Resend(t.Context(), issued.ChallengeID)
	if err != nil || again.ChallengeID != issued.ChallengeID {
		t.Fatalf("resend: %+v, %v", again, err)
	}
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil {
		t.Errorf("the further code: %v", err)
	}
}

func TestUnknownChallenge(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := uuid.New()
	refused(t, d.verify(t, id, "123456"), problem.UnknownChallenge)
	_, err := d.Resend(t.Context(), id)
	refused(t, err, problem.UnknownChallenge)
	_, err = d.Status(t.Context(), id)
	refused(t, err, problem.UnknownChallenge)
}

// A code's hash outlives the signing key as long as the ring holds it.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	old, fresh := secret.Generate("old"), secret.Generate("new")
	d := newOTPFixture(t, otpOptions{keys: old})
	first := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	second := d.register(t, pgtest.AddRegistering(t, d.db, "b@example.com"))
	codes := d.mails(t)
	d.start(t, otpOptions{keys: fresh + "," + old})
	if err := d.verify(t, first.ChallengeID, codes[0]); err != nil {
		t.Errorf("with both keys: %v", err)
	}
	d.start(t, otpOptions{keys: fresh})
	refused(t, d.verify(t, second.ChallengeID, codes[1]), problem.OTPIncorrect)
	d.register(t, pgtest.AddRegistering(t, d.db, "c@example.com"))
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp WHERE key_id = 'new'`); n != 1 {
		t.Error("the new key does not sign")
	}
}

// Behind a transaction pooler there are no named statements; the round trips stay.
func TestCodesBehindAPooler(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{pooled: true})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	refused(t, d.verify(t, issued.ChallengeID, wrong(d.code(t))), problem.OTPIncorrect)
	d.issue(t, otp.Request{Email: "nobody@example.com", Purpose: otp.Login})
	form := d.issue(t, otp.Request{Email: "new@example.com", Purpose: otp.Registration, Data: []byte(`{"a":1}`)})
	if v, err := d.Verify(t.Context(), form.ChallengeID, d.code(t), ""); err != nil || string(v.Data) != `{"a":1}` {
		t.Errorf("form: %+v, %v", v, err)
	}
	d.later(t, time.Minute)
	if _, err := d.Resend(t.Context(), issued.ChallengeID); err != nil {
		t.Fatal(err)
	}
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("verify: %v", err)
	}
	if s, err := d.Status(t.Context(), issued.ChallengeID); err != nil || s.Status != otp.Verified {
		t.Errorf("status %+v, %v", s, err)
	}
}
