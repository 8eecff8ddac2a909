package postgres_test

import (
	"testing"

	"sespan/internal/devtools/pgtest"
)

// A worker cannot reckon with a moment without end, and PostgreSQL before 17 not
// either: one such row kept every claim from being read. They are refused, and a
// row that an earlier version let in is sent as any other.
func TestMailInfiniteTimesAreRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for arguments, parameter := range map[string]string{
		"send_at => '-infinity'": "send_at", "send_at => 'infinity'": "send_at", "send_at => '0044-03-15 BC'": "send_at",
		"expires_at => 'infinity'": "expires_at", "expires_at => '-infinity'": "expires_at", "expires_at => '10000-01-01'": "expires_at",
	} {
		got := refusedMail(t, db, "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', "+arguments+")")
		if got != parameter {
			t.Errorf("%s: %q is named", arguments, got)
		}
	}
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	db.Exec(t, `UPDATE sespan.mail_message SET send_at = '-infinity', expires_at = 'infinity' WHERE message_id = $1`, id)
	db.Exec(t, `UPDATE sespan.mail_queue SET expires_at = 'infinity' WHERE message_id = $1`, id)
	enqueue(t, db, "recipient => 'c@b.co', body_text => 'x'")
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	box.wait(t, 2)
}
