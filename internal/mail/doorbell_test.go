package mail

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWorkerSleepsUntilANotificationOrThePoll(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	runWorker(t, s, senderFunc(accept), nil, func(*Worker, func()) {
		idle := inspect(s, func() int { return s.claims })
		time.Sleep(time.Hour)
		if polls := inspect(s, func() int { return s.claims }) - idle; polls < 3600/7 || polls > 2*3600/3 {
			t.Errorf("%d claims in an idle hour", polls)
		}
		if !s.put(1, nil) {
			t.Fatal("notifications are suppressed while the worker sleeps")
		}
		synctest.Wait()
		if n := inspect(s, func() int { return len(s.done) }); n != 1 {
			t.Error("the notification did not wake the worker at once")
		}
	})
}

// Large mails are not claimed ahead by the dozen: their content would fill the memory.
func TestWorkerClaimsLittleContentAhead(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(50, func(c *Claimed) { c.Size = 20 << 20 })
	var begin chan struct{} // made in the bubble
	sender := senderFunc(func(context.Context, Envelope) (Receipt, error) { <-begin; return Receipt{}, nil })
	runWorker(t, s, sender, func(*WorkerConfig) { begin = make(chan struct{}) }, func(*Worker, func()) {
		time.Sleep(time.Minute)
		claimed := inspect(s, func() int {
			n := 0
			for _, r := range s.rows {
				if r.state == StateSending {
					n++
				}
			}
			return n
		})
		if claimed < 1 || claimed > 4 {
			t.Errorf("%d mails of 20 MiB are in memory", claimed)
		}
		close(begin)
		time.Sleep(time.Minute)
		if n := inspect(s, func() int { return len(s.done) }); n != 50 {
			t.Errorf("%d of 50 are sent", n)
		}
	})
}

func TestBusyWorkerSuppressesNotifications(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	var begin chan struct{} // made in the bubble
	sender := senderFunc(func(context.Context, Envelope) (Receipt, error) { <-begin; return Receipt{}, nil })
	runWorker(t, s, sender, func(*WorkerConfig) { begin = make(chan struct{}) }, func(*Worker, func()) {
		s.put(1000, nil)
		synctest.Wait()
		if s.put(1, nil) {
			t.Error("an insert notifies a busy worker")
		}
		time.Sleep(time.Minute) // full, and still busy
		if s.put(1, nil) {
			t.Error("an insert notifies while the worker has more than it can do")
		}
		close(begin)
		time.Sleep(time.Second)
		if n := inspect(s, func() int { return len(s.done) }); n != 1002 {
			t.Errorf("%d of 1002 are sent", n)
		}
		if !s.put(1, nil) {
			t.Error("notifications are still suppressed afterwards")
		}
	})
}

// While no relay serves, nothing is claimed and inserts need not notify; afterwards all goes on.
func TestWorkerWithoutARelaySuppressesNotifications(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	down := &downSender{}
	runWorker(t, s, down, func(*WorkerConfig) { down.up = make(chan struct{}) }, func(*Worker, func()) {
		for range 10 {
			time.Sleep(7 * time.Second)
			if s.put(1, nil) {
				t.Error("an insert notifies a worker that cannot send")
			}
		}
		if n := inspect(s, func() int { return s.claims }); n != 0 {
			t.Errorf("%d claims without a relay", n)
		}
		close(down.up)
		time.Sleep(time.Second)
		if n := inspect(s, func() int { return len(s.done) }); n != 10 {
			t.Errorf("%d of 10 are sent", n)
		}
		if !s.put(1, nil) {
			t.Error("notifications are still suppressed afterwards")
		}
	})
}

// downSender has no relay until up is closed.
type downSender struct{ up chan struct{} }

func (*downSender) Send(context.Context, Envelope) (Receipt, error) { return Receipt{}, nil }

func (d *downSender) Ready(ctx context.Context) error {
	select {
	case <-d.up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A transaction that stays open for a minute costs about one look a second, and
// what it commits without a notification is found within that second.
func TestWorkerLooksAgainWhileInsertersMayBeSilent(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.inserters = 1
	runWorker(t, s, senderFunc(accept), func(c *WorkerConfig) { c.Poll = time.Hour }, func(*Worker, func()) {
		time.Sleep(time.Minute)
		if n := inspect(s, func() int { return s.claims }); n < 60 || n > 75 {
			t.Errorf("%d looks in a minute", n)
		}
		s.mu.Lock() // a commit without a notification
		s.rows[1024] = &fakeRow{Claimed: Claimed{Lease: Lease{QueueID: 1024}, ExpiresIn: Forever, Stored: &Stored{Date: time.Now(), Text: "x"}}, state: StateQueued}
		s.inserters = 0
		s.mu.Unlock()
		time.Sleep(longestRecheck + time.Millisecond)
		if n := inspect(s, func() int { return len(s.done) }); n != 1 {
			t.Error("not found by the last look")
		}
		claims := inspect(s, func() int { return s.claims })
		time.Sleep(30 * time.Minute)
		if more := inspect(s, func() int { return s.claims }) - claims; more > 3 {
			t.Errorf("%d claims although nothing is to be watched any more", more)
		}
	})
}
