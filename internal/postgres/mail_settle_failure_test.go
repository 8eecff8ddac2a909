package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// A mail that is sent but cannot be marked as sent is not sent for ever: after a
// few workers have lost it, it is dead with the reason.
func TestMailWhoseResultCannotBeWrittenEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mailExec(t, db, `CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`)
	mailExec(t, db, `CREATE TRIGGER refuse BEFORE INSERT ON sespan.mail_outcome FOR EACH ROW WHEN (NEW.state = 'sent' AND NEW.recipient = 'again@b.co') EXECUTE FUNCTION public.refuse()`)
	enqueue(t, db, "recipient => 'again@b.co', body_text => 'x'")
	enqueueMany(t, db, 20)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Lease = 400 * time.Millisecond })
	eventually(t, db, "it is dead and its neighbours are sent", `SELECT count(*) FILTER (WHERE state = 'sent') = 20
		AND count(*) FILTER (WHERE state = 'dead' AND reason = 'lapsed' AND recipient = 'again@b.co') = 1 FROM sespan.mail_outcome`)
	times := map[string]int{}
	for _, e := range box.sent() {
		times[e.Recipient]++
	}
	if n := times["again@b.co"]; n < 2 || n > 6 {
		t.Errorf("it was sent %d times", n)
	}
}
