package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

func TestAskedAgainWithinAMinute(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	first, again := d.register(t, id), d.register(t, id)
	if first.ChallengeID != again.ChallengeID || len(d.mails(t)) != 1 {
		t.Errorf("challenges %v and %v, %d mails; want one of each", first.ChallengeID, again.ChallengeID, len(d.mails(t)))
	}
	if !first.ResendAfter.Equal(again.ResendAfter) || !first.ValidUntil.Equal(again.ValidUntil) || first.Email != again.Email {
		t.Errorf("%+v and %+v differ", first, again)
	}
}

// A mail that is late still works: up to three codes are alive, and the fourth
// puts the oldest out.
func TestLateMailStillWorks(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	for i, alive := range []bool{false, true, true, true} {
		id := pgtest.AddRegistering(t, d.db, "a"+string(rune('0'+i))+"@example.com")
		before := len(d.mails(t))
		issued := d.register(t, id)
		for n := range 3 {
			d.later(t, 61*time.Second)
			var err error
			if n == 1 { // the person clicks resend, or fills the form in again
				err = ignore(d.Resend(t.Context(), issued.ChallengeID))
			} else if again := d.register(t, id); again.ChallengeID != issued.ChallengeID {
				t.Fatal("another challenge")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		codes := d.mails(t)[before:]
		if len(codes) != 4 {
			t.Fatalf("%d mails, want 4", len(codes))
		}
		err := d.verify(t, issued.ChallengeID, codes[i])
		if alive != (err == nil) {
			t.Errorf("code %d: %v, want it alive: %v", i+1, err, alive)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp WHERE status = 'pending'`); n != 3 {
		t.Errorf("%d codes are pending, want the 3 of the challenge that was not verified", n)
	}
}

func ignore(_ otp.Issued, err error) error { return err }

func TestFiveMailsAnHour(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	pgtest.AddCustomer(t, d.db, "a@example.com", true)
	issue := func(email string) error {
		return ignore(d.Issue(t.Context(), otp.Request{Email: email, Purpose: otp.Login}))
	}
	for _, email := range []string{"a@example.com", "nobody@example.com"} {
		for n := range 5 {
			if err := issue(email); err != nil {
				t.Fatalf("%s, mail %d: %v", email, n+1, err)
			}
			d.later(t, 61*time.Second)
		}
		p := refused(t, issue(email), problem.OTPTooSoon)
		if p.RetryAfter < 50*time.Minute || p.RetryAfter > time.Hour {
			t.Errorf("%s: retry after %v, want when the first of the five is an hour old", email, p.RetryAfter)
		}
		d.later(t, p.RetryAfter+time.Second)
		if err := issue(email); err != nil {
			t.Errorf("%s, later: %v", email, err)
		}
		d.later(t, time.Hour)
	}
	if got := d.events(otp.Login, "too_soon"); got != 2 {
		t.Errorf("%d events too_soon, want 2", got)
	}
}

func TestResendTooEarly(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	_, err := d.Resend(t.Context(), issued.ChallengeID)
	if p := refused(t, err, problem.OTPTooSoon); p.RetryAfter < 50*time.Second || p.RetryAfter > time.Minute {
		t.Errorf("retry after %v", p.RetryAfter)
	}
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil {
		t.Fatal(err)
	}
	d.later(t, time.Minute)
	_, err = d.Resend(t.Context(), issued.ChallengeID)
	refused(t, err, problem.OTPUsed)
}

// What ended makes room for a new challenge: at once after a verification, after
// the minute where the challenge was locked, and after a day in any case.
func TestWhenAChallengeIsNew(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddCustomer(t, d.db, "a@example.com", true)
	login := func() (otp.Issued, error) {
		return d.Issue(t.Context(), otp.Request{CustomerID: &id, Purpose: otp.Login})
	}
	first, err := login()
	if err != nil || d.verify(t, first.ChallengeID, d.code(t)) != nil {
		t.Fatal(err)
	}
	if _, err = login(); problem.SlugOf(err) != problem.OTPTooSoon {
		t.Errorf("within the minute: %v", err)
	}
	d.later(t, time.Minute)
	second, err := login()
	if err != nil || second.ChallengeID == first.ChallengeID {
		t.Fatalf("after the verification: %+v, %v", second, err)
	}
	for range 5 {
		_ = d.verify(t, second.ChallengeID, wrong(d.mails(t)...))
	}
	_, err = login()
	refused(t, err, problem.OTPTooSoon)
	d.later(t, time.Minute)
	third, err := login()
	if err != nil || third.ChallengeID == second.ChallengeID {
		t.Fatalf("after the lock: %+v, %v", third, err)
	}
	d.later(t, 24*time.Hour)
	fourth, err := login()
	if err != nil || fourth.ChallengeID == third.ChallengeID {
		t.Fatalf("a day later: %+v, %v", fourth, err)
	}
	refused(t, d.verify(t, third.ChallengeID, "123456"), problem.OTPExpired)
	if s, err := d.Status(t.Context(), third.ChallengeID); err != nil || s.Status != otp.Expired {
		t.Errorf("status %+v, %v", s, err)
	}
}

// Whoever asks learns nothing: unknown, ambiguous and inactive customers get the
// answer, the limits and the lock of any other.
func TestDecoys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		active []bool // of the customers with the address
		event  string
	}{
		"unknown":  {nil, "decoy"},
		"inactive": {[]bool{false}, "decoy"},
		"twice":    {[]bool{true, true}, "ambiguous"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			for i, active := range c.active {
				pgtest.AddCustomer(t, d.db, []string{"x@example.com", "X@example.com"}[i], active)
			}
			someone := pgtest.AddCustomer(t, d.db, "y@example.com", true)
			decoy := d.issue(t, otp.Request{Email: "X@Example.com", Purpose: otp.Login})
			known := d.issue(t, otp.Request{Email: "Y@Example.com", Purpose: otp.Login})
			if len(d.mails(t)) != 1 || *known.CustomerID != someone {
				t.Fatalf("%d mails, want that of the known customer", len(d.mails(t)))
			}
			if decoy.Email != "x***@example.com" || known.Email != "y***@example.com" {
				t.Errorf("masked as %s and %s", decoy.Email, known.Email)
			}
			if again := d.issue(t, otp.Request{Email: "x@example.com", Purpose: otp.Login}); again.ChallengeID != decoy.ChallengeID {
				t.Error("asked again: another challenge")
			}
			for left := 4; left >= 0; left-- {
				p := refused(t, d.verify(t, decoy.ChallengeID, "123456"), problem.OTPIncorrect)
				if p.Members["attempts_left"] != left {
					t.Errorf("attempts_left %v, want %d", p.Members["attempts_left"], left)
				}
			}
			refused(t, d.verify(t, decoy.ChallengeID, "123456"), problem.OTPLocked)
			d.later(t, time.Minute)
			s, err := d.Status(t.Context(), decoy.ChallengeID)
			if err != nil || s.Status != otp.Locked || s.Delivery != "sent" {
				t.Errorf("status %+v, %v", s, err)
			}
			if next := d.issue(t, otp.Request{Email: "x@example.com", Purpose: otp.Login}); next.ChallengeID == decoy.ChallengeID {
				t.Error("after the lock: the same challenge")
			}
			if n := count(t, d.db, `SELECT count(*) FROM sespan.mail_queue`); n != 1 {
				t.Errorf("%d mails are queued, want 1", n)
			}
			if got := d.events(otp.Login, c.event); got != 2 {
				t.Errorf("%d events %s, want 2", got, c.event)
			}
		})
	}
}

func TestIssueRefusals(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	nameless := pgtest.AddRegistering(t, d.db, "")
	odd := pgtest.AddCustomer(t, d.db, "not an address", true)
	gone := int64(4711)
	for name, c := range map[string]struct {
		request otp.Request
		slug    problem.Slug
		field   string
	}{
		"nobody":             {otp.Request{Purpose: otp.Login}, problem.Invalid, "body"},
		"unknown id":         {otp.Request{CustomerID: &gone, Purpose: otp.Registration}, problem.UnknownCustomer, ""},
		"no address":         {otp.Request{CustomerID: &nameless, Purpose: otp.Registration}, problem.Invalid, "body.customer_id"},
		"unusable address":   {otp.Request{CustomerID: &odd, Purpose: otp.Login}, problem.Invalid, "body.customer_id"},
		"another's address":  {otp.Request{CustomerID: &id, Email: "b@example.com", Purpose: otp.Registration}, problem.Invalid, "body.email"},
		"bad address":        {otp.Request{Email: "a@", Purpose: otp.Login}, problem.Invalid, "body.email"},
		"display name":       {otp.Request{Email: "A <a@example.com>", Purpose: otp.Login}, problem.Invalid, "body.email"},
		"unmailable address": {otp.Request{Email: "a@-example-.com", Purpose: otp.Login}, problem.Invalid, "body.email"},
		"line break":         {otp.Request{Email: "a@example.com\r\nBcc: b@example.com", Purpose: otp.Login}, problem.Invalid, "body.email"},
		"data of a customer": {otp.Request{CustomerID: &id, Purpose: otp.Registration, Data: []byte(`{}`)}, problem.Invalid, "body.data"},
	} {
		_, err := d.Issue(t.Context(), c.request)
		if p := refused(t, err, c.slug); p.Field != c.field {
			t.Errorf("%s: field %q, want %q", name, p.Field, c.field)
		}
	}
	for _, table := range []string{"otp", "otp_challenge", "mail_message"} {
		if n := count(t, d.db, `SELECT count(*) FROM sespan.`+table); n != 0 {
			t.Errorf("%d rows in %s: half written", n, table)
		}
	}
}

func TestRegistrationBeforeItsCustomer(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	ask := func(data string) (otp.Issued, error) {
		return d.Issue(t.Context(), otp.Request{Email: "new@example.com", Purpose: otp.Registration, Data: []byte(data)})
	}
	thief, err := ask(`{"username":"thief","pw":"hunter2"}`)
	if err != nil {
		t.Fatal(err)
	}
	stolen := d.code(t)
	if again, err := ask(`{"username":"thief","pw":"hunter2"}`); err != nil || again.ChallengeID != thief.ChallengeID {
		t.Errorf("the same form again: %+v, %v", again, err)
	}
	_, err = ask(`{"username":"sari"}`)
	refused(t, err, problem.OTPTooSoon)
	d.later(t, time.Minute)
	sari, err := ask(`{"username":"sari"}`)
	if err != nil || sari.ChallengeID == thief.ChallengeID || sari.CustomerID != nil {
		t.Fatalf("another form: %+v, %v", sari, err)
	}
	refused(t, d.verify(t, thief.ChallengeID, stolen), problem.OTPExpired)
	refused(t, d.verify(t, thief.ChallengeID, d.code(t)), problem.OTPExpired)
	v, err := d.Verify(t.Context(), sari.ChallengeID, d.code(t), "")
	if err != nil || string(v.Data) != `{"username":"sari"}` || v.CustomerID != nil {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	v, err = d.Verify(t.Context(), sari.ChallengeID, d.code(t), "")
	if refused(t, err, problem.OTPUsed); v.Data != nil {
		t.Error("the data came a second time")
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_challenge WHERE sealed_data IS NOT NULL`); n != 0 {
		t.Error("the data is still there")
	}
}

func TestStatusFollowsTheMail(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	early, err := d.Status(t.Context(), issued.ChallengeID)
	if err != nil || early.Delivery != "queued" || !early.ValidUntil.Equal(issued.ValidUntil) || !early.ResendAfter.Equal(issued.ResendAfter) {
		t.Errorf("status %+v, %v; want that of %+v", early, err, issued)
	}
	d.later(t, 3*time.Second)
	d.db.Exec(t, `UPDATE sespan.otp AS o SET created_at = m.created_at FROM sespan.mail_message AS m WHERE m.message_id = o.message_id`)
	issued.ValidUntil, issued.ResendAfter = issued.ValidUntil.Add(-3*time.Second), issued.ResendAfter.Add(-3*time.Second)
	for delivery, change := range map[string]string{
		"queued": `SELECT 1`,
		"sent":   `UPDATE sespan.mail_message SET pending = 0, sent = 1, dead = 0`,
		"failed": `UPDATE sespan.mail_message SET pending = 0, sent = 0, dead = 1`,
	} {
		d.db.Exec(t, `UPDATE sespan.mail_message SET pending = 1, sent = 0, dead = 0`)
		d.db.Exec(t, change)
		s, err := d.Status(t.Context(), issued.ChallengeID)
		if err != nil || s.Delivery != delivery || s.Status != otp.Pending || s.Purpose != otp.Registration ||
			s.Email != "a***@example.com" || s.AttemptsLeft != 5 || !s.ValidUntil.Equal(issued.ValidUntil) || !s.ResendAfter.Equal(issued.ResendAfter) {
			t.Errorf("status %+v, %v; want %s of %+v", s, err, delivery, issued)
		}
	}
}

// The status of a decoy is that of any other challenge, whatever the relay does.
func TestStatusOfADecoyFollowsTheMails(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	decoy := d.issue(t, otp.Request{Email: "nobody@example.com", Purpose: otp.Login})
	for _, c := range []struct{ change, delivery string }{
		// The first seconds, which shall not pass before the question.
		{`UPDATE sespan.mail_message SET pending = 0, sent = 1; UPDATE sespan.otp_challenge SET sent_at = sent_at + interval '1 minute'`, "queued"},
		{`UPDATE sespan.otp_challenge SET sent_at = sent_at - interval '63 seconds'`, "sent"},
		{`UPDATE sespan.mail_message SET pending = 0, sent = 0, dead = 1`, "sent"}, // a failure is that mail's alone
		{`UPDATE sespan.mail_message SET pending = 1, sent = 0, dead = 0`, "queued"},
		{`UPDATE sespan.otp SET message_id = NULL`, "sent"},
	} {
		d.db.Exec(t, c.change)
		if s, err := d.Status(t.Context(), decoy.ChallengeID); err != nil || s.Delivery != c.delivery {
			t.Errorf("after %s: %+v, %v; want %s", c.change, s, err, c.delivery)
		}
	}
}
