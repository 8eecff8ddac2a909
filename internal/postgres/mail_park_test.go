package postgres_test

import (
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// A pause of a category or a domain sets its mails aside, and no others; the end
// of the pause lets them go at once.
func TestMailPause(t *testing.T) {
	t.Parallel()
	for what, mails := range map[string]string{
		"all":             "recipient => 'held@b.co', body_text => 'x'",
		"category:news":   "recipient => 'held@b.co', body_text => 'x', category => 'news'",
		"domain:slow.net": "recipient => 'held@SLOW.net', body_text => 'x'",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			mailExec(t, db, "SELECT sespan.mail_pause($1, 'test')", what)
			enqueue(t, db, mails)
			box := newMailbox(nil)
			startWorker(t, db, box, func(c *mail.WorkerConfig) { c.PollWithoutNotify = 20 * time.Millisecond })
			if what != "all" {
				enqueue(t, db, "recipient => 'free@b.co', body_text => 'x', category => 'order'")
				if got := box.wait(t, 1); got[0].Recipient != "free@b.co" {
					t.Fatalf("%s was sent in spite of the pause", got[0].Recipient)
				}
				eventually(t, db, "the row is parked", "SELECT count(*) = 1 FROM sespan.mail_queue WHERE parked = $1 AND due_at = 'infinity' AND state = 'scheduled'", what)
			}
			mailExec(t, db, "SELECT sespan.mail_resume($1, 'test')", what)
			if got := box.wait(t, 1); !strings.HasPrefix(got[0].Recipient, "held@") {
				t.Fatalf("%s came after the pause", got[0].Recipient)
			}
		})
	}
}
