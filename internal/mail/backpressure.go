package mail

import (
	"context"
	"sync"
)

// books say whether results can be written. While they cannot, no further mail is
// sent: if this process dies before the database is back, each mail that it has
// sent and not written down is sent again by another.
type backpressure struct {
	mu     sync.Mutex
	closed int           // batches that wait for the database
	opened chan struct{} // closed when there are none
}

func newBackpressure() *backpressure {
	b := &backpressure{opened: make(chan struct{})}
	close(b.opened)
	return b
}

// shut notes that a batch cannot be written, open that it is, or is given up.
func (b *backpressure) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed++; b.closed == 1 {
		b.opened = make(chan struct{})
	}
}

func (b *backpressure) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed--; b.closed == 0 {
		close(b.opened)
	}
}

// pass waits until results can be written; false when ctx ended first.
func (b *backpressure) pass(ctx context.Context) bool {
	b.mu.Lock()
	opened := b.opened
	b.mu.Unlock()
	select {
	case <-opened:
		return true
	default:
	}
	select {
	case <-opened:
		return true
	case <-ctx.Done():
		return false
	}
}
