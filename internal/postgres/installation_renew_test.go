package postgres_test

import (
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// renewed makes the copy safe as a plain member of the owner's group does, once nobody
// works on it any more.
func renewed(t *testing.T, db *pgtest.DB, cancelMails bool) postgres.Renewed {
	t.Helper()
	db.Exec(t, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'sespan%'`)
	r, err := postgres.RenewInstallation(t.Context(), db.Login(t, "", "sespan_owner").URL, cancelMails, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A copy that was restored: the other installation may have used the codes and sent the
// mails since. No code works, no mail goes without a person, what is not due yet stays.
func TestRenewInstallation(t *testing.T) {
	t.Parallel()
	keys := secret.Generate("k1")
	d := newOTPFixture(t, otpOptions{keys: keys})
	customer := pgtest.AddRegistering(t, d.db, "new@b.co")
	first := d.register(t, customer)
	code := d.code(t)
	for recipient, state := range map[string]string{
		"queued":    "state = 'queued'",
		"sending":   "state = 'sending', lease_token = 7, leased_until = now() + interval '1 minute', started = true",
		"retry":     "state = 'retry', attempts = 1, due_at = now() + interval '1 hour'",
		"parked":    "state = 'scheduled', parked = 'all', due_at = 'infinity'",
		"past":      "state = 'scheduled', due_at = now() - interval '1 minute'",
		"scheduled": "state = 'scheduled', due_at = now() + interval '1 hour'",
	} {
		id := enqueue(t, d.db, "recipient => '"+recipient+"@b.co', body_text => 'x'")
		d.db.Exec(t, "UPDATE sespan.mail_queue SET "+state+" WHERE message_id = $1", id)
	}
	if _, err := postgres.RenewInstallation(t.Context(), d.db.URL, false, nil); err == nil || !strings.Contains(err.Error(), "sespan serve works on this database") || !strings.Contains(err.Error(), "restored copy") {
		t.Fatalf("while a service works there: %v", err)
	}
	if n := count(t, d.db, "SELECT count(*) FROM sespan.otp WHERE status = 'pending'"); n != 1 {
		t.Fatalf("a refused call ended %d codes", 1-n)
	}

	if r := renewed(t, d.db, false); r != (postgres.Renewed{Challenges: 1, MailsHeld: 5, MailsCancelled: 1}) {
		t.Fatalf("%+v", r)
	}
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: d.login.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.store = postgres.NewOTPStore(pool)
	d.start(t, otpOptions{keys: keys})
	refused(t, d.verify(t, first.ChallengeID, code), problem.OTPExpired)
	if n := count(t, d.db, "SELECT count(*) FROM sespan.mail_queue WHERE state = 'unknown' AND due_at = 'infinity' AND last_reason = 'restored'"); n != 5 {
		t.Errorf("%d mails are held, want 5", n)
	}
	if n := count(t, d.db, "SELECT count(*) FROM sespan.mail_queue WHERE recipient = 'scheduled@b.co' AND state = 'scheduled'"); n != 1 {
		t.Error("what is not due yet has not been sent, and stays")
	}
	if n := count(t, d.db, "SELECT count(*) FROM sespan.audit WHERE action = 'update' AND subject = 'setting' AND subject_id = 'installation' AND detail LIKE '1 challenges ended, 5 %'"); n != 1 {
		t.Error("the audit does not tell of it")
	}

	box := newMailbox(nil)
	stop := startWorker(t, d.db, box, func(c *mail.WorkerConfig) { c.PollWithoutNotify = 20 * time.Millisecond })
	enqueue(t, d.db, "recipient => 'after@b.co', body_text => 'x'")
	if got := box.wait(t, 1); got[0].Recipient != "after@b.co" {
		t.Fatalf("%s was sent without a person", got[0].Recipient)
	}
	d.db.Exec(t, "SELECT sespan.mail_retry(ARRAY[message_id]) FROM sespan.mail_queue WHERE recipient = 'past@b.co'")
	if got := box.wait(t, 1); got[0].Recipient != "past@b.co" {
		t.Fatalf("%s was sent instead of what a person let go", got[0].Recipient)
	}
	stop()
	// The customer asks again, and the new code works: the right to activate is still there.
	d.later(t, 2*time.Minute)
	next := d.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Registration})
	var sealed []byte
	if err := d.db.Pool.QueryRow(t.Context(), "SELECT sealed FROM sespan.mail_message WHERE sealed IS NOT NULL").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if err := d.verify(t, next.ChallengeID, d.codeIn(t, sealed)); err != nil {
		t.Errorf("a code of the copy's own: %v", err)
	}
}

// Beside a living original the copy sends nothing of what it found, whenever it is due.
func TestRenewInstallationCancelsMails(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueue(t, db, "recipients => ARRAY['a@b.co', 'c@b.co'], body_text => 'x'")
	enqueue(t, db, "recipient => 'later@b.co', body_text => 'x', send_at => now() + interval '1 day'")
	db.Exec(t, "UPDATE sespan.mail_queue SET state = 'sending', lease_token = 7, leased_until = now() + interval '1 minute' WHERE recipient = 'c@b.co'")
	if r := renewed(t, db, true); r != (postgres.Renewed{MailsCancelled: 3}) {
		t.Fatalf("%+v", r)
	}
	if n := count(t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE state = 'cancelled'"); n != 3 {
		t.Errorf("%d are cancelled, want 3", n)
	}
	if r := renewed(t, db, true); r != (postgres.Renewed{}) {
		t.Errorf("again: %+v", r)
	}
}

// A message broker takes a copy for another installation, with names of its own.
func TestRenewInstallationAtTheBroker(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openMailPool(t, db.ServiceURL(t))
	before, prefix, err := pool.BrokerIdentity(t.Context(), "shop")
	if err != nil || prefix != "shop" {
		t.Fatalf("prefix %q (%v)", prefix, err)
	}
	if again, prefix, err := pool.BrokerIdentity(t.Context(), "store"); err != nil || prefix != "shop" || again != before {
		t.Errorf("a second prefix gives %q, %s (%v)", prefix, again, err)
	}
	enqueueMany(t, db, 2)
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'scheduled', due_at = now() + interval '1 hour', announced_at = now()")
	mailExec(t, db, "UPDATE sespan.mail_announce SET last_id = 7, marked_at = now()")
	pool.Close()
	renewed(t, db, false)
	after, prefix, err := openMailPool(t, db.ServiceURL(t)).BrokerIdentity(t.Context(), "")
	if err != nil || prefix != "sespan" || after == before {
		t.Errorf("the copy is %s, prefix %q (%v)", after, prefix, err)
	}
	if n := mailValue[int](t, db, "SELECT count(*)::int FROM sespan.mail_queue WHERE announced_at IS NOT NULL"); n != 0 {
		t.Errorf("%d marks stay", n)
	}
	if n := mailValue[int](t, db, "SELECT count(*)::int FROM sespan.mail_announce WHERE last_id <> 0 OR marked_at > '-infinity'"); n != 0 {
		t.Errorf("%d bounds stay", n)
	}
}
