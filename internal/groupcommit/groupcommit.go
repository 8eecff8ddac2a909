// Package groupcommit turns many concurrent calls into few database
// transactions: while one flush runs, the next batch collects.
//
//	call ─┐                ┌─ flush 1 (n=1) ─┐┌─ flush 2 (n=3) ─┐
//	call ─┼─▶ pending ─────┤                 ││                 │
//	call ─┘    (collects while a flush runs) └┴─────────────────┴─▶ results
//
// There is no linger: an idle committer flushes a lone call at once, and the
// batch grows only as long as the database is busy with the one before. Group
// commit as in DeWitt et al., "Implementation techniques for main memory
// database systems", SIGMOD 1984.
package groupcommit

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed says that the committer takes no more calls.
var ErrClosed = errors.New("groupcommit: closed")

// ErrFull says that too many calls wait already.
var ErrFull = errors.New("groupcommit: too many calls wait")

// Flush commits a batch and gives one result per item, in order, and nil, or
// an error for the whole batch. It must bound its own time: ctx never ends, for whoever
// hangs up does not undo what others wait for. It knows the callers (see Callers).
type Flush[T, R any] func(ctx context.Context, items []T) ([]R, error)

type callersKey struct{}

// Callers gives the contexts of the calls that a flush is for; nil outside of a flush.
func Callers(ctx context.Context) []context.Context {
	if list, ok := ctx.Value(callersKey{}).(func() []context.Context); ok {
		return list()
	}
	return nil
}

// Committer collects calls for a Flush. The zero value is not usable: see New.
type Committer[T, R any] struct {
	flush    Flush[T, R]
	maxBatch int
	maxWait  int

	mu      sync.Mutex
	pending []call[T, R]
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

type call[T, R any] struct {
	item   T
	ctx    context.Context // for Callers; the call ends with the flush
	result chan<- outcome[R]
}

type outcome[R any] struct {
	value R
	err   error
}

// New starts a committer with the given number of flushes at once (each Flush
// needs its own connection). maxBatch bounds one flush, maxWait the calls that
// may wait; both are numbers of items.
func New[T, R any](flush Flush[T, R], flushers, maxBatch, maxWait int) *Committer[T, R] {
	c := &Committer[T, R]{
		flush: flush, maxBatch: maxBatch, maxWait: maxWait,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	var wg sync.WaitGroup
	for range flushers {
		wg.Go(c.run)
	}
	go func() { wg.Wait(); close(c.done) }()
	return c
}

// Do hands item over and waits for its result. When ctx ends first its error is
// returned, but the item may still be committed: the caller must be idempotent.
func (c *Committer[T, R]) Do(ctx context.Context, item T) (R, error) {
	result := make(chan outcome[R], 1)
	if err := c.put(call[T, R]{item, ctx, result}); err != nil {
		var zero R
		return zero, err
	}
	select {
	case o := <-result:
		return o.value, o.err
	case <-ctx.Done():
		var zero R
		return zero, ctx.Err()
	}
}

// Close refuses new calls, flushes those that wait and returns when the last
// flush has ended.
func (c *Committer[T, R]) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.wake)
	}
	c.mu.Unlock()
	<-c.done
}

func (c *Committer[T, R]) put(added call[T, R]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case len(c.pending) >= c.maxWait:
		return ErrFull
	}
	c.pending = append(c.pending, added)
	c.signal()
	return nil
}

// signal wakes one flusher; the caller holds mu and the committer is not closed.
func (c *Committer[T, R]) signal() {
	select {
	case c.wake <- struct{}{}:
	default: // a wake-up is already on its way
	}
}

func (c *Committer[T, R]) next() []call[T, R] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.pending), c.maxBatch)
	batch := c.pending[:n:n]
	c.pending = c.pending[n:]
	if len(c.pending) == 0 {
		c.pending = nil
	} else if !c.closed {
		c.signal() // what is over the batch size is for the next flusher
	}
	return batch
}

func (c *Committer[T, R]) run() {
	for range c.wake {
		c.drain()
	}
	c.drain()
}

func (c *Committer[T, R]) drain() {
	for batch := c.next(); len(batch) > 0; batch = c.next() {
		c.commit(batch)
	}
}

func (c *Committer[T, R]) commit(batch []call[T, R]) {
	items := make([]T, len(batch))
	for i, waiting := range batch {
		items[i] = waiting.item
	}
	results, err := c.flush(context.WithValue(context.Background(), callersKey{}, func() []context.Context {
		callers := make([]context.Context, len(batch))
		for i, waiting := range batch {
			callers[i] = waiting.ctx
		}
		return callers
	}), items)
	if err == nil && len(results) != len(batch) {
		err = errors.New("groupcommit: the flush gave a wrong number of results")
	}
	for i, waiting := range batch {
		if err != nil {
			waiting.result <- outcome[R]{err: err}
			continue
		}
		waiting.result <- outcome[R]{value: results[i]}
	}
}
