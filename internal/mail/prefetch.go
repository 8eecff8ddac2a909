package mail

import (
	"sync"
	"time"
)

const (
	// aheadFor is how much work a worker claims ahead: enough that the senders
	// never wait for the database, little enough that other workers get their
	// share and a drain gives back little.
	aheadFor     = 500 * time.Millisecond
	measureEvery = 100 * time.Millisecond
)

// tempo measures how fast mails leave, and from that how many to claim at once.
type prefetch struct {
	now func() time.Time

	mu    sync.Mutex
	done  int
	since time.Time
	rate  float64 // mails a second, smoothed; 0 is not known yet
}

// add counts finished tries.
func (t *prefetch) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.since.IsZero() || now.Sub(t.since) > 10*measureEvery { // a pause is no measure
		t.since, t.done = now, 0
		return
	}
	t.done += n
	if spent := now.Sub(t.since); spent >= measureEvery {
		r := float64(t.done) / spent.Seconds()
		if t.rate > 0 {
			r = (t.rate + r) / 2
		}
		t.rate, t.since, t.done = r, now, 0
	}
}

// target is the number of rows to hold ahead, between a few per connection and
// the configured most.
func (t *prefetch) target(connections, most int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	least := min(4*connections, most)
	return min(max(int(t.rate*aheadFor.Seconds()), least), most)
}
