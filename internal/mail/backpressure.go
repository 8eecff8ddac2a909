package mail

import (
	"context"
	"sync"
)

// backpressure stops the sending while results cannot be written: if this process
// died before the database is back, every mail that was sent and not written down
// would be sent again by another worker.
type backpressure struct {
	mu      sync.Mutex
	waiting int           // batches of results that wait for the database
	cleared chan struct{} // closed while there are none
}

func newBackpressure() *backpressure {
	b := &backpressure{cleared: make(chan struct{})}
	close(b.cleared)
	return b
}

// block notes that a batch cannot be written; unblock that it is, or is given up.
func (b *backpressure) block() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting++; b.waiting == 1 {
		b.cleared = make(chan struct{})
	}
}

func (b *backpressure) unblock() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting--; b.waiting == 0 {
		close(b.cleared)
	}
}

// wait returns true once results can be written, false when ctx ended first.
func (b *backpressure) wait(ctx context.Context) bool {
	b.mu.Lock()
	cleared := b.cleared
	b.mu.Unlock()
	select {
	case <-cleared: // also where ctx has ended
		return true
	default:
	}
	select {
	case <-cleared:
		return true
	case <-ctx.Done():
		return false
	}
}
