package mail

import (
	"sync"
	"time"
)

// holdings are the leases of this process: from the claim until the result is
// written. They bound what is claimed, feed the heartbeat, and know when a lease
// has run out by this process's own clock.
type leaseTable struct {
	now func() time.Time

	mu     sync.Mutex
	leases map[Lease]*leaseEntry
	open   int           // of these, without a result yet
	bytes  int64         // of the content of the open ones
	freed  chan struct{} // one signal when something was let go
}

type leaseEntry struct {
	until time.Time
	since time.Time
	size  int64
	done  bool
}

func newLeaseTable(now func() time.Time) *leaseTable {
	return &leaseTable{now: now, leases: map[Lease]*leaseEntry{}, freed: make(chan struct{}, 1)}
}

// add takes in claimed rows; until is counted from before the claim, so that it
// is never later than the database's own leased_until.
func (h *leaseTable) add(rows []Claimed, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for i := range rows {
		h.leases[rows[i].Lease] = &leaseEntry{until: until, since: now, size: rows[i].Size}
		h.bytes += rows[i].Size
	}
	h.open += len(rows)
}

// valid says whether there is still at least margin left of a lease.
func (h *leaseTable) valid(l Lease, margin time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.leases[l]
	return ok && h.now().Add(margin).Before(one.until)
}

// finish notes that a result is there; it answers how many are still open.
func (h *leaseTable) finish(l Lease) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, ok := h.leases[l]; ok {
		h.close(one)
	}
	return h.open
}

// release forgets leases whose results are written.
func (h *leaseTable) release(list []Lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range list {
		if one, ok := h.leases[l]; ok {
			h.close(one)
			delete(h.leases, l)
		}
	}
	select {
	case h.freed <- struct{}{}:
	default:
	}
}

// close wants the lock.
func (h *leaseTable) close(one *leaseEntry) {
	if !one.done {
		one.done = true
		h.open--
		h.bytes -= one.size
	}
}

func (h *leaseTable) count() (held, open int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.leases), h.open
}

// content is how much the open ones have, in bytes.
func (h *leaseTable) content() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes
}

// aging lists the leases that have at most left to live, but none that is held
// for longer than longest: a sender that hangs for ever must lose its row.
func (h *leaseTable) aging(left, longest time.Duration) []Lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Lease
	now := h.now()
	for l, one := range h.leases {
		if one.until.Sub(now) <= left && now.Sub(one.since) < longest {
			list = append(list, l)
		}
	}
	return list
}

// extended takes in a heartbeat: ids that were answered live until then, the
// others of the list are lost at once.
func (h *leaseTable) extended(list []Lease, ids []int64, until time.Time) (lost int) {
	kept := make(map[int64]bool, len(ids))
	for _, id := range ids {
		kept[id] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range list {
		one, ok := h.leases[l]
		switch {
		case !ok:
		case kept[l.QueueID]:
			one.until = until
		default:
			one.until = time.Time{}
			lost++
		}
	}
	return lost
}
