package mail

import (
	"sync"
	"time"
)

// leaseTable has the leases of this process, each from the claim until its result is
// written. It bounds what is claimed, tells which leases to renew, and knows when one
// has lapsed by this process's own clock.
type leaseTable struct {
	now func() time.Time

	mu       sync.Mutex
	entries  map[Lease]*leaseEntry
	held     [Priorities]int // leases by priority
	unsent   int             // of these, without a result yet
	bytes    int64           // of the content of those
	released chan struct{}   // one signal when some were removed
}

type leaseEntry struct {
	until    time.Time
	taken    time.Time // by a sender; zero while it waits for one
	priority int
	size     int64
	done     bool // there is a result
}

func newLeaseTable(now func() time.Time) *leaseTable {
	return &leaseTable{now: now, entries: map[Lease]*leaseEntry{}, released: make(chan struct{}, 1)}
}

// add takes in claimed rows; until is counted from before the claim, so that it
// is never later than the database's own leased_until.
func (t *leaseTable) add(rows []Claimed, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range rows {
		t.entries[rows[i].Lease] = &leaseEntry{until: until, priority: rows[i].Priority, size: rows[i].Size}
		t.held[rows[i].Priority]++
		t.bytes += rows[i].Size
	}
	t.unsent += len(rows)
}

// take notes that a sender has begun with a mail.
func (t *leaseTable) take(l Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[l]; ok {
		e.taken = t.now()
	}
}

// valid reports whether a lease lives for at least margin still.
func (t *leaseTable) valid(l Lease, margin time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[l]
	return ok && t.now().Add(margin).Before(e.until)
}

// finish notes that there is a result, and answers how many mails have none yet.
func (t *leaseTable) finish(l Lease) (unsent int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[l]; ok {
		t.markDone(e)
	}
	return t.unsent
}

// remove forgets leases whose results are written.
func (t *leaseTable) remove(list []Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range list {
		if e, ok := t.entries[l]; ok {
			t.markDone(e)
			t.held[e.priority]--
			delete(t.entries, l)
		}
	}
	select {
	case t.released <- struct{}{}:
	default:
	}
}

// markDone wants the lock.
func (t *leaseTable) markDone(e *leaseEntry) {
	if !e.done {
		e.done = true
		t.unsent--
		t.bytes -= e.size
	}
}

// usage is the number of leases of a priority and more urgent ones, and the content of
// all in memory in bytes.
func (t *leaseTable) usage(priority int) (leases int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.held[:priority+1] {
		leases += n
	}
	return leases, t.bytes
}

// leastUrgent is the least urgent priority of which there are leases, 0 without any.
func (t *leaseTable) leastUrgent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := Priorities - 1; p > 0; p-- {
		if t.held[p] > 0 {
			return p
		}
	}
	return 0
}

// expiring lists the leases that end within that time, but none that a sender has for
// longer than longest: one that hangs for ever must lose its row. What waits behind
// more urgent mails is kept.
func (t *leaseTable) expiring(within, longest time.Duration) []Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Lease
	now := t.now()
	for l, e := range t.entries {
		if e.until.Sub(now) <= within && (e.taken.IsZero() || now.Sub(e.taken) < longest) {
			list = append(list, l)
		}
	}
	return list
}

// renewed takes in what the database answered to a renewal of list: the ids live
// until then, the other leases are lost at once.
func (t *leaseTable) renewed(list []Lease, ids []int64, until time.Time) (lost int) {
	live := make(map[int64]bool, len(ids))
	for _, id := range ids {
		live[id] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range list {
		e, ok := t.entries[l]
		switch {
		case !ok:
		case live[l.QueueID]:
			e.until = until
		default:
			e.until = time.Time{}
			lost++
		}
	}
	return lost
}
