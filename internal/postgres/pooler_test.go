package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// Behind PgBouncer in transaction mode, with LISTEN straight to the server, the
// whole queue works: notifications pass through the pooler and a mail goes at once.
func TestMailThroughPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	through := pgtest.Pooler(t, db.URL)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: through, Pooled: true, GenericPlans: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l, _, _ := quickListener(t, db.URL, db.URL)
	waitConnected(t, l, true)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Store, c.Notifications, c.Listening = postgres.NewMail(pool), l.Signal(postgres.MailChannel), l.Connected
		c.Poll = time.Hour // only a notification wakes it
	})
	site, err := pgx.Connect(t.Context(), through)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close(t.Context())
	for range 5 {
		eventually(t, db, "the worker sleeps", "SELECT last_value = 0 FROM sespan.mail_doorbell")
		if _, err := site.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x')", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		box.wait(t, 1)
	}
	enqueueMany(t, db, 500)
	box.wait(t, 500)
	eventually(t, db, "results are written", queueEmpty)
}

// LISTEN through the pooler is swallowed without an error. The canary notices, the
// worker polls, and the log and the metric say so.
func TestListenerThroughPoolerFallsBackToPolling(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	through := pgtest.Pooler(t, db.URL)
	l, reg, log := quickListener(t, through, db.URL)
	eventuallyTrue(t, "the canary is missed", func() bool { return log.count("swallows LISTEN") == 1 })
	connected(t, reg, "0")
	if l.Connected() {
		t.Fatal("connected through a pooler that swallows LISTEN")
	}
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Notifications, c.Listening, c.Poll, c.PollWithoutNotify = l.Signal(postgres.MailChannel), l.Connected, time.Hour, 50*time.Millisecond
	})
	for range 3 {
		enqueueMany(t, db, 1)
		box.wait(t, 1)
	}
}
