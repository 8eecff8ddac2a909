package smtp

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// lowerLimitPeriod is how long a lower limit is kept before more connections are tried.
const lowerLimitPeriod = time.Minute

var (
	errClosed = errors.New("the relay's connections are closed")
	errDown   = errors.New("the relay is down")
)

// pool hands out slots: a kept connection, or the right to dial one (nil). A
// slot is given back by putIdle (with the connection) or by releaseSlot (without).
type pool struct {
	now func() time.Time
	max int

	mu         sync.Mutex
	limit      int       // max, or less while the relay takes no more
	limitUntil time.Time // when a lower limit ends
	open       int       // slots given out or idle
	idle       []*conn   // the last one back is the first one out
	live       map[*conn]struct{}
	waiting    list.List // of *waiter
	closed     bool
	drained    chan struct{} // closed when closed and no slot is out
}

func newPool(limit int, now func() time.Time) *pool {
	return &pool{now: now, max: limit, limit: limit, live: map[*conn]struct{}{}, drained: make(chan struct{})}
}

// waiter is a caller of acquire.
type waiter struct {
	tx      *transaction // the mail that it is for, nil for none
	granted chan *conn   // room for one; closed where there will be no slot

	// Under the pool's lock:
	place     *list.Element // in the queue, unless a connection is reserved for it
	cancelled bool          // its caller has given up
	timeout   *time.Timer   // ends the reservation
}

// acquire waits for a slot; tx is the mail that it is for, nil for none.
func (p *pool) acquire(ctx context.Context, tx *transaction) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if c, ok := p.grantSlot(); ok {
		p.mu.Unlock()
		return c, nil
	}
	w := &waiter{tx: tx, granted: make(chan *conn, 1)}
	w.place = p.waiting.PushBack(w)
	p.mu.Unlock()

	select {
	case c, ok := <-w.granted:
		return p.answered(c, ok)
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.waiting.Remove(w.place)
	w.cancelled = true
	p.mu.Unlock()
	select {
	case c, ok := <-w.granted: // granted at the same moment: the slot is the caller's
		return p.answered(c, ok)
	default:
		return nil, context.Cause(ctx)
	}
}

func (p *pool) answered(c *conn, ok bool) (*conn, error) {
	if ok {
		return c, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	return nil, errDown
}

// grantSlot needs the lock.
func (p *pool) grantSlot() (*conn, bool) {
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, true
	}
	if p.limit < p.max && !p.now().Before(p.limitUntil) {
		p.limit = p.max
	}
	if p.open < p.limit {
		p.open++
		return nil, true
	}
	return nil, false
}

// track notes a connection dialled for a slot, so that close can end it.
func (p *pool) track(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[c] = struct{}{}
}

// untrack is the opposite; the slot stays with the caller.
func (p *pool) untrack(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, c)
}

// putIdle gives a slot back with its connection. False: the pool is closed, and the
// caller closes the connection and releases the slot.
func (p *pool) putIdle(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if first := p.waiting.Front(); first != nil {
		p.waiting.Remove(first).(*waiter).granted <- c
	} else {
		p.idle = append(p.idle, c)
	}
	return true
}

// releaseSlot gives a slot back whose connection is gone.
func (p *pool) releaseSlot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if first := p.waiting.Front(); first != nil && !p.closed {
		if next, ok := p.grantSlot(); ok {
			p.waiting.Remove(first).(*waiter).granted <- next
		}
	}
	p.signalDrained()
}

func (p *pool) signalDrained() {
	if p.closed && p.open == 0 {
		close(p.drained)
	}
}

// lowerLimit is called by the holder of a slot whose connection the relay refused:
// the limit becomes the number of the others. False: there are no others.
func (p *pool) lowerLimit() (limit int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open < 2 {
		return p.limit, false
	}
	p.limit, p.limitUntil = min(p.limit, p.open-1), p.now().Add(lowerLimitPeriod)
	return p.limit, true
}

// count gives the slots that are out or idle, and the limit learned from the relay,
// 0 for none.
func (p *pool) count() (open, limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit < p.max && p.now().Before(p.limitUntil) {
		limit = p.limit
	}
	return p.open, limit
}

// evictIdle takes out the idle connections that have expired, oldest first.
func (p *pool) evictIdle(expired func(*conn) bool) []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*conn
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		gone := expired(c)
		if gone {
			out = append(out, c)
		}
		return gone
	})
	return out
}

// close refuses further callers, wakes the waiting ones and returns the idle connections.
func (p *pool) close() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.rejectAll()
	idle := p.idle
	p.idle = nil
	p.signalDrained()
	return idle
}

// reject refuses those who wait, because the relay is down.
func (p *pool) reject() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rejectAll()
}

// rejectAll needs the lock.
func (p *pool) rejectAll() {
	for p.waiting.Len() > 0 {
		close(p.waiting.Remove(p.waiting.Front()).(*waiter).granted)
	}
}

// abort ends every connection, in use or not.
func (p *pool) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.live {
		c.wire.abort()
	}
}
