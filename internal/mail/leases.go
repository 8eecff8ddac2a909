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
	unsent   int           // of these, without a result yet
	bytes    int64         // of the content of those
	released chan struct{} // one signal when some were removed
}

type leaseEntry struct {
	until   time.Time
	claimed time.Time
	size    int64
	done    bool // there is a result
}

func newLeaseTable(now func() time.Time) *leaseTable {
	return &leaseTable{now: now, entries: map[Lease]*leaseEntry{}, released: make(chan struct{}, 1)}
}

// add takes in claimed rows; until is counted from before the claim, so that it
// is never later than the database's own leased_until.
func (t *leaseTable) add(rows []Claimed, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range rows {
		t.entries[rows[i].Lease] = &leaseEntry{until: until, claimed: now, size: rows[i].Size}
		t.bytes += rows[i].Size
	}
	t.unsent += len(rows)
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

// usage is the number of leases, and the content in memory in bytes.
func (t *leaseTable) usage() (leases int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries), t.bytes
}

// expiring lists the leases that end within that time, but none that is older than
// longest: a sender that hangs for ever must lose its row.
func (t *leaseTable) expiring(within, longest time.Duration) []Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Lease
	now := t.now()
	for l, e := range t.entries {
		if e.until.Sub(now) <= within && now.Sub(e.claimed) < longest {
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
