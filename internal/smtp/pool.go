package smtp

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// lowerLimitFor is how long a limit that the relay taught is kept before trying more.
const lowerLimitFor = time.Minute

var (
	errClosed = errors.New("the sender is closed")
	errDown   = errors.New("the relay is down")
)

// pool hands out places: a kept connection, or the right to dial one (nil). A
// place is given back by put (with the connection) or by drop (without).
type pool struct {
	now func() time.Time
	max int

	mu      sync.Mutex
	limit   int       // max, or less while the relay takes no more
	until   time.Time // when a lower limit ends
	open    int       // places given out or idle
	idle    []*conn   // the last one back is the first one out
	live    map[*conn]struct{}
	waiting list.List // of *waiter
	closed  bool
	empty   chan struct{} // closed when closed and no place is out
}

func newPool(limit int, now func() time.Time) *pool {
	return &pool{now: now, max: limit, limit: limit, live: map[*conn]struct{}{}, empty: make(chan struct{})}
}

// waiter is a caller of take.
type waiter struct {
	tx      *transaction // the mail that it is for, nil for none
	granted chan *conn   // room for one; closed where there will be no place

	// Under the pool's lock:
	place     *list.Element // in the queue, unless a connection is reserved for it
	cancelled bool          // its caller has given up
	patience  *time.Timer   // ends the reservation
}

// take waits for a place; tx is the mail that it is for, nil for none.
func (p *pool) take(ctx context.Context, tx *transaction) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if c, ok := p.grant(); ok {
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
	case c, ok := <-w.granted: // granted at the same moment: the place is the caller's
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

// grant needs the lock.
func (p *pool) grant() (*conn, bool) {
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, true
	}
	if p.limit < p.max && !p.now().Before(p.until) {
		p.limit = p.max
	}
	if p.open < p.limit {
		p.open++
		return nil, true
	}
	return nil, false
}

// adopt notes a connection dialled for a place, so that close can end it.
func (p *pool) adopt(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[c] = struct{}{}
}

// forget is adopt's opposite; the place stays with the caller.
func (p *pool) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, c)
}

// put gives a place back with its connection. False: the pool is closed, and the
// caller ends the connection and drops the place.
func (p *pool) put(c *conn) bool {
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

// drop gives a place back whose connection is gone.
func (p *pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if first := p.waiting.Front(); first != nil && !p.closed {
		if next, ok := p.grant(); ok {
			p.waiting.Remove(first).(*waiter).granted <- next
		}
	}
	p.signalEmpty()
}

func (p *pool) signalEmpty() {
	if p.closed && p.open == 0 {
		close(p.empty)
	}
}

// lowerLimit is called by the holder of a place that the relay would not have: as
// many as the others hold are enough for now. False: there are no others.
func (p *pool) lowerLimit() (limit int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open < 2 {
		return p.limit, false
	}
	p.limit, p.until = min(p.limit, p.open-1), p.now().Add(lowerLimitFor)
	return p.limit, true
}

// count gives the places that are out or idle, and the limit that the relay taught,
// 0 for none.
func (p *pool) count() (open, limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit < p.max && p.now().Before(p.until) {
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

// shut refuses further takers, wakes the waiting ones and returns the idle connections.
func (p *pool) shut() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.rejectAll()
	idle := p.idle
	p.idle = nil
	p.signalEmpty()
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
