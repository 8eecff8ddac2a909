package postgres_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
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

// A recipient on the suppression list gets nothing, and the mail says why.
func TestMailSuppressedRecipient(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mailExec(t, db, "SELECT sespan.mail_suppress('gone@b.co')")
	enqueue(t, db, "recipients => ARRAY['Gone@b.co', 'here@b.co'], body_text => 'x'")
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	if got := box.wait(t, 1); got[0].Recipient != "here@b.co" {
		t.Fatalf("sent to %s", got[0].Recipient)
	}
	eventually(t, db, "both are done", queueEmpty)
	if reply := mailValue[string](t, db, "SELECT reply FROM sespan.mail_outcome WHERE state = 'suppressed' AND reason = 'suppressed'"); reply != "manual" {
		t.Fatalf("reply %q", reply)
	}
	if len(box.sent()) != 1 {
		t.Fatal("the suppressed recipient got a mail")
	}
}

// A file that is stored once goes out with each mail that refers to it.
func TestMailFileByDigest(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	store := postgres.NewMail(openMailPool(t, db.URL))
	file := []byte(strings.Repeat("the same file ", 1000))
	sum := sha256.Sum256(file)
	for range 2 {
		tx, err := db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, piece := range [][]byte{file[:5000], file[5000:]} {
			if _, err := tx.Exec(t.Context(), "SELECT sespan.mail_attachment_put($1, $2, $3, $4)", sum[:], i, piece, i == 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tx.Exec(t.Context(), `SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', attachments => jsonb_build_array(jsonb_build_object(
			'filename', 'a.txt', 'content_type', 'text/plain', 'sha256', encode($1, 'hex'))))`, sum[:]); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rows := claim(t, store, 1, 10, time.Minute)
	if len(rows) != 2 {
		t.Fatalf("%d mails were claimed", len(rows))
	}
	for _, r := range rows {
		for name, content := range r.Stored.Files {
			if string(content) != string(file) {
				t.Errorf("%s has %d bytes, want %d", name, len(content), len(file))
			}
		}
		if len(r.Stored.Files) != 1 {
			t.Errorf("%d files", len(r.Stored.Files))
		}
	}
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

func mailExec(tb testing.TB, db *pgtest.DB, sql string, args ...any) {
	tb.Helper()
	if _, err := db.Pool.Exec(tb.Context(), sql, args...); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}
