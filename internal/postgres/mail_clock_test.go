package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// A worker whose clock jumps by an hour, to and fro, sends every mail once: what
// it can no longer be sure of it leaves to the lapse of the lease, which the
// database's clock decides.
func TestMailWorkerWhoseClockJumps(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	var step, sent atomic.Int64
	jumps := []time.Duration{0, time.Hour, 0, -time.Hour, 0}
	box := newMailbox(func(int, mail.Envelope) error {
		if n := int(sent.Add(1)); n%60 == 0 && n/60 < len(jumps) {
			step.Store(int64(jumps[n/60]))
		}
		return nil
	})
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Lease = 4 * time.Second
		c.Now = func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	})
	for i := range 40 {
		mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'jump' || i || '@b.co', body_text => 'x') FROM generate_series($1::int * 10, $1::int * 10 + 9) i`, i)
	}
	eventually(t, db, "all are done", queueEmpty)
	times := map[string]int{}
	for _, e := range box.sent() {
		times[e.Recipient]++
	}
	for r, n := range times {
		if n != 1 {
			t.Errorf("%s was sent %d times", r, n)
		}
	}
	if len(times) != 400 {
		t.Errorf("%d of 400 mails were sent", len(times))
	}
}
