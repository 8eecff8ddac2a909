package mail

import (
	"cmp"
	"context"
	"slices"
	"time"
)

const (
	claimsInMemory = 4                // of Bytes each: beyond so much content no more is claimed
	storeTimeout   = 10 * time.Second // for one call of the store
)

// Dispatcher decides which rows are next: it claims them when the worker has room and
// hands them to its senders. One asks the queue itself (dispatch_database.go).
type Dispatcher interface {
	// Dispatch claims until ctx ends.
	Dispatch(ctx context.Context)
	// Leave follows: it tells the others that this worker claims no more.
	Leave(ctx context.Context) error
}

// accept hands claimed rows to the senders, urgent ones first.
func (w *Worker) accept(rows []Claimed, claimed time.Time) {
	slices.SortFunc(rows, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	w.leases.add(rows, claimed.Add(w.Lease))
	for i := range rows {
		rows[i].claimedAt = claimed
		w.jobs <- &rows[i] // never blocks: it holds more than awaitCapacity lets be claimed
	}
}

// capacityWithin waits no longer than d; then it answers 0.
func (w *Worker) capacityWithin(ctx context.Context, d time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		if rows := w.capacity(); rows > 0 {
			if w.Sender.Ready(ctx) != nil {
				return 0
			}
			return rows
		}
		select {
		case <-ctx.Done():
			return 0
		case <-w.leases.released:
		}
	}
}

// capacity is how many rows to claim now; 0 while the senders have enough.
func (w *Worker) capacity() int {
	target := w.prefetch.target(w.Connections, w.Batch)
	leases, bytes := w.leases.usage()
	if rows := 2*target - leases; rows >= target/2+1 && bytes < claimsInMemory*w.Bytes {
		return min(rows, w.Batch)
	}
	return 0
}

func (w *Worker) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
