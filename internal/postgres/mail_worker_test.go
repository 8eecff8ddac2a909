package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// eventually polls a condition of the database; it is for what no signal tells.
func eventually(tb testing.TB, db *pgtest.DB, what, sql string, args ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		var ok bool
		if err := db.Pool.QueryRow(ctx, sql, args...).Scan(&ok); err != nil {
			tb.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		<-tick.C
	}
}

const queueEmpty = "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue)"

// Jobs that start before the commit: only what is committed is sent.
func TestMailCommittedIsSentAndRolledBackIsNot(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	for i, end := range []string{"ROLLBACK", "COMMIT", "ROLLBACK", "COMMIT"} {
		conn, err := db.Pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"BEGIN", fmt.Sprintf("SELECT sespan.mail_enqueue(recipient => '%s%d@b.co', body_text => 'x')", strings.ToLower(end), i), end,
		} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		conn.Release()
	}
	box.wait(t, 2)
	eventually(t, db, "results are written", "SELECT count(*) = 2 FROM sespan.mail_outcome WHERE state = 'sent'")
	for _, e := range box.sent() {
		if !strings.HasPrefix(e.Recipient, "commit") {
			t.Errorf("%s was sent", e.Recipient)
		}
	}
	if n := len(box.sent()); n != 2 {
		t.Errorf("%d mails were sent", n)
	}
}

func TestMailEachRecipientHasItsEnvelopeAndBccIsInNoHeader(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	enqueue(t, db, `recipient => 'Anna <anna@b.co>', cc => ARRAY['cc@b.co'], bcc => ARRAY['hidden@b.co', 'anna@b.co'], subject => 'hello',
		body_text => 'text', body_html => '<p>html</p>', headers => '{"X-Shop": "1"}',
		attachments => '[{"filename": "a.txt", "content_type": "text/plain", "content": "aGFsbG8="}]'`)
	seen := map[string]bool{}
	for _, e := range box.wait(t, 3) {
		seen[e.Recipient] = true
		if bytes.Contains(e.Data, []byte("hidden")) {
			t.Error("a Bcc address stands in the message")
		}
		for _, part := range []string{"anna@b.co", "cc@b.co", "Subject: hello", "X-Shop: 1", "filename", "Message-ID: <"} {
			if !bytes.Contains(e.Data, []byte(part)) {
				t.Errorf("the message to %s lacks %q", e.Recipient, part)
			}
		}
		if e.From != "shop@example.org" {
			t.Errorf("envelope from %q", e.From)
		}
	}
	if len(seen) != 3 || !seen["hidden@b.co"] {
		t.Errorf("envelopes to %v", seen)
	}
}

func TestMailSealedIsOpenedOnlyToSendAndThenWiped(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Unseal = func(recipient string, sealed []byte) ([]byte, error) {
			return fmt.Appendf(nil, `{"text": "code for %s: %s", "html": "<b>1</b>"}`, recipient, sealed), nil
		}
	})
	id := mailValue[int64](t, db, `SELECT sespan.mail_enqueue_sealed(recipient => 'a@b.co', subject => 'code', sealed => '123456',
		category => 'code', priority => 0, expires_at => now() + interval '10 minutes')`)
	e := box.wait(t, 1)[0]
	if !bytes.Contains(e.Data, []byte("123456")) || !bytes.Contains(e.Data, []byte("Auto-Submitted: auto-generated")) {
		t.Errorf("sent:\n%s", e.Data)
	}
	eventually(t, db, "the sealed body is wiped", "SELECT sealed IS NULL AND wiped_at IS NOT NULL FROM sespan.mail_message WHERE message_id = $1", id)
}

// One bad mail stops the queue: not here.
func TestMailThatCannotBeComposedDelaysNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueue(t, db, "recipient => 'panic@b.co', body_text => 'x'")
	refused := enqueue(t, db, "recipient => 'refused@b.co', body_text => 'x'")
	broken := enqueue(t, db, "recipient => 'broken@b.co', body_text => 'x'")
	gone := enqueue(t, db, "recipient => 'gone@b.co', body_text => 'x'")
	enqueue(t, db, "recipient => 'huge@b.co', body_text => repeat('x', 20000000)")
	enqueueMany(t, db, 50)
	for _, sql := range []string{
		fmt.Sprintf(`UPDATE sespan.mail_message SET attachments = '[{"content": "?"}]' WHERE message_id = %d`, broken),
		fmt.Sprintf("DELETE FROM sespan.mail_message WHERE message_id = %d", gone),
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	box := newMailbox(func(_ int, e mail.Envelope) error {
		switch e.Recipient {
		case "panic@b.co":
			panic("in the sender")
		case "refused@b.co":
			return &mail.SendError{Verdict: mail.Dead, Reason: "rcpt_to", Code: 550, Reply: "no such user \x00\xff"}
		}
		return nil
	})
	startWorker(t, db, box, nil)
	box.wait(t, 51)
	eventually(t, db, "only the panic is tried again", `SELECT count(*) = 1 AND bool_and(recipient = 'panic@b.co' AND attempts >= 1)
		FROM sespan.mail_queue`)
	for id, want := range map[int64]string{refused: "rcpt_to", broken: "content", gone: "content"} {
		if got := mailValue[string](t, db, "SELECT reason FROM sespan.mail_dead WHERE message_id = $1", id); got != want {
			t.Errorf("dead of %q, want %q", got, want)
		}
	}
}

// While no relay serves, the worker tries no mail beyond those that found out, and the
// outage costs no mail a try.
func TestMailRelayDownThenUp(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueueMany(t, db, 20)
	var down atomic.Bool
	back := make(chan struct{})
	box := newMailbox(func(int, mail.Envelope) error {
		select {
		case <-back:
			return nil
		default:
		}
		down.Store(true)
		return &mail.SendError{Verdict: mail.Retry, Reason: "connect", Err: context.DeadlineExceeded}
	})
	box.ready = func(ctx context.Context) error { // as the circuit breaker of package smtp
		if !down.Load() {
			return nil
		}
		select {
		case <-back:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Jitter = func() float64 { return 0 } })
	eventually(t, db, "a failed one is back in the queue", "SELECT count(*) > 0 FROM sespan.mail_queue WHERE state = 'retry'")
	if n := len(box.sent()); n > 4 { // one for each connection
		t.Errorf("%d tries while no relay serves", n)
	}
	close(back)
	box.wait(t, 20)
	eventually(t, db, "all are sent", queueEmpty)
	if n := mailValue[int](t, db, "SELECT max(attempts) FROM sespan.mail_outcome"); n != 1 {
		t.Errorf("the outage cost %d tries", n-1)
	}
}

func TestMailIsDeadAfterTheLastTry(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	id := enqueue(t, db, "recipient => 'a@b.co', subject => 'bill', body_text => 'x'")
	if _, err := db.Pool.Exec(t.Context(), "UPDATE sespan.mail_queue SET attempts = $1", mail.MaxAttempts-1); err != nil {
		t.Fatal(err)
	}
	box := newMailbox(func(int, mail.Envelope) error {
		return &mail.SendError{Verdict: mail.Retry, Reason: "rcpt_to", Code: 451, Reply: "greylisted"}
	})
	startWorker(t, db, box, nil)
	eventually(t, db, "it is dead", "SELECT EXISTS (SELECT FROM sespan.mail_dead WHERE message_id = $1 AND attempts = $2 AND code = 451)", id, mail.MaxAttempts)
	got := mailValue[string](t, db, "SELECT subject || ': ' || reason || ': ' || reply FROM sespan.mail_dead")
	if want := "bill: rcpt_to: gave up after 15 tries: greylisted"; got != want {
		t.Errorf("mail_dead says %q, want %q", got, want)
	}
}

func TestMailUnknownFollowsItsPolicy(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	again := enqueue(t, db, "recipient => 'again@b.co', body_text => 'x'")
	hold := enqueue(t, db, "recipient => 'hold@b.co', body_text => 'x', on_unknown => 'hold'")
	box := newMailbox(func(n int, _ mail.Envelope) error {
		if n < 2 {
			return &mail.SendError{Verdict: mail.Unknown, Reason: "closed"}
		}
		return nil
	})
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Jitter = func() float64 { return 0 } })
	if e := box.wait(t, 1)[0]; e.Recipient != "again@b.co" {
		t.Errorf("%s was sent again", e.Recipient)
	}
	eventually(t, db, "the other waits for a person", "SELECT EXISTS (SELECT FROM sespan.mail_queue WHERE state = 'unknown' AND due_at = 'infinity' AND message_id = $1)", hold)
	eventually(t, db, "and the first is sent", "SELECT EXISTS (SELECT FROM sespan.mail_outcome WHERE state = 'sent' AND attempts = 2 AND message_id = $1)", again)
}

func TestMailExpiredIsNotSent(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', expires_at => clock_timestamp() + interval '50 milliseconds'")
	eventually(t, db, "time passes", "SELECT expires_at < clock_timestamp() FROM sespan.mail_queue")
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	eventually(t, db, "it is expired", "SELECT EXISTS (SELECT FROM sespan.mail_outcome WHERE message_id = $1 AND state = 'expired')", id)
	if n := len(box.sent()); n != 0 {
		t.Error("an expired mail was sent")
	}
}

func TestMailScheduledGoesWhenItIsDue(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Poll, c.PollWithoutNotify = time.Hour, time.Hour })
	enqueue(t, db, "recipient => 'later@b.co', body_text => 'x', send_at => clock_timestamp() + interval '300 milliseconds'")
	box.wait(t, 1)
	if early := mailValue[bool](t, db, "SELECT clock_timestamp() < send_at FROM sespan.mail_message"); early {
		t.Error("sent before send_at")
	}
}

// A worker that must go finishes what is on its way and gives back the rest.
func TestMailDrainFinishesAndGivesBack(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueueMany(t, db, 30)
	begun, finish := make(chan struct{}, 30), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(finish) })
	defer letGo() // before the worker is stopped
	box := newMailbox(func(int, mail.Envelope) error {
		begun <- struct{}{}
		<-finish
		return nil
	})
	stop := startWorker(t, db, box, nil)
	for range 4 {
		<-begun
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	eventually(t, db, "what is not begun is given back", "SELECT count(*) = 26 FROM sespan.mail_queue WHERE state IN ('queued', 'scheduled')")
	letGo()
	<-stopped
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE state = 'sent'"); n != 4 {
		t.Errorf("%d mails were on their way and are written as sent, want 4", n)
	}
	other := newMailbox(nil)
	startWorker(t, db, other, nil)
	other.wait(t, 26)
	eventually(t, db, "nothing is left", queueEmpty)
}

// A worker that is killed loses nothing: another sends what it held.
func TestMailWhoseLeaseLapsedIsSentByAnotherWorker(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueueMany(t, db, 10)
	s := postgres.NewMail(openMailPool(t, db.URL))
	if rows := claim(t, s, 1, 10, 200*time.Millisecond); len(rows) != 10 {
		t.Fatalf("claimed %d", len(rows))
	}
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Lease = 2 * time.Second })
	box.wait(t, 10)
	eventually(t, db, "nothing is left", queueEmpty)
}

func TestMailHeartbeatKeepsALongSending(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueueMany(t, db, 1)
	begun, finish := make(chan struct{}, 2), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(finish) })
	defer letGo() // before the worker is stopped
	box := newMailbox(func(int, mail.Envelope) error { begun <- struct{}{}; <-finish; return nil })
	short := func(c *mail.WorkerConfig) { c.Lease = 5 * time.Second }
	startWorker(t, db, box, short)
	<-begun
	startWorker(t, db, box, short) // would take it when the lease ran out
	first := mailValue[time.Time](t, db, "SELECT leased_until FROM sespan.mail_queue")
	eventually(t, db, "it lives longer than its lease", "SELECT clock_timestamp() > $1::timestamptz + interval '2 seconds' AND state = 'sending' FROM sespan.mail_queue", first)
	letGo()
	eventually(t, db, "it is written", queueEmpty)
	if n := len(box.sent()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// A database that goes away is waited for.
func TestMailWorkerOutlivesLostConnections(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	// A claim whose answer is lost with its connection is found again when its lease ends.
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Lease = 5 * time.Second })
	for round := 1; round <= 3; round++ {
		enqueueMany(t, db, 5)
		box.wait(t, 5)
		_, err := db.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'sespan%'`)
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, db, "all results are written", queueEmpty)
}

// A worker shows itself while it lives.
func TestMailWorkerIsSeen(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	stop := startWorker(t, db, newMailbox(nil), func(c *mail.WorkerConfig) { c.Connections = 7 })
	eventually(t, db, "its row is there", "SELECT count(*) = 1 AND sespan.mail_workers() = 1 FROM sespan.mail_worker WHERE connections = 7 AND host <> ''")
	stop()
	if n := mailValue[int](t, db, "SELECT count(*)::int FROM sespan.mail_worker"); n != 0 {
		t.Fatal("its row stays")
	}
}

// A sender learns with each sign of life how many live: neither announcers nor those who
// have been silent for a minute.
func TestMailHeartbeatCountsTheLivingSenders(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	beat := func(h mail.Heartbeat, want int) {
		t.Helper()
		if n, err := s.Heartbeat(t.Context(), h); err != nil || n != want {
			t.Errorf("worker %d: %d senders, %v; want %d", h.Worker, n, err, want)
		}
	}
	one, two := mail.Heartbeat{Worker: 1, Connections: 4}, mail.Heartbeat{Worker: 2, Connections: 4}
	beat(one, 1)
	beat(one, 1)
	beat(mail.Heartbeat{Worker: 3, Announcer: &mail.AnnouncerLiveness{}}, 1)
	beat(two, 2)
	beat(one, 2)
	mailExec(t, db, "UPDATE sespan.mail_worker SET seen_at = now() - interval '61 seconds' WHERE worker_id = 2")
	beat(one, 1)
	beat(two, 2) // it was only asleep
	if err := s.Deregister(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	beat(two, 1)
}
