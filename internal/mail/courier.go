package mail

import (
	"context"
	"sync"
	"time"
)

// patience is how long a mail that was taken in hand ahead of its turn waits for the
// one before it. A relay that stalls must not delay its neighbours.
const patience = time.Second

// turn is a mail in hand, and how far it has come: admitted by the limits, then
// composed.
type turn struct {
	*Claimed
	admitted bool
	wait     time.Duration // that the limits want still
	envelope *Envelope     // nil: not composed
}

// courier is one sender: it delivers what is pulled, one mail at a time. While the
// message of one mail is written it takes the next one in hand, so that the relay
// can have that one's envelope by the same write.
type courier struct {
	worker *Worker

	mu        sync.Mutex
	next      *turn
	impatient *time.Timer // lets it go
}

// sendAll delivers until there are no more jobs; after ctx has ended it gives the
// rest back.
func (c *courier) sendAll(ctx, sending context.Context) {
	for {
		t := c.take()
		if t == nil {
			job, ok := <-c.worker.jobs
			if !ok {
				return
			}
			t = &turn{Claimed: job}
		}
		if ctx.Err() != nil {
			c.giveBack(t)
			continue
		}
		c.worker.results <- c.deliver(ctx, sending, t)
	}
}

// deliver tries one mail. What was said ahead for it and not used is taken back.
func (c *courier) deliver(ctx, sending context.Context, t *turn) Result {
	defer t.forget()
	if t.Hold {
		return c.worker.deliver(ctx, sending, t, nil)
	}
	return c.worker.deliver(ctx, sending, t, func(s Said) *Envelope { return c.lookAhead(ctx, s) })
}

// lookAhead takes the next mail in hand and gives its envelope to be said. While
// there are fewer mails than senders it leaves them to the others.
func (c *courier) lookAhead(ctx context.Context, s Said) *Envelope {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.worker
	if c.next != nil || ctx.Err() != nil || len(w.jobs) < w.Connections || !w.gate.open() {
		return nil
	}
	t := pick(w.jobs)
	if t == nil {
		return nil
	}
	r := w.ask(t)
	if r == nil && t.wait == 0 && !t.Hold && t.Lapses == 0 {
		r = w.compose(t)
	}
	if r != nil {
		w.results <- *r
		return nil
	}
	c.next, c.impatient = t, time.AfterFunc(patience, c.letGo)
	if t.envelope != nil {
		t.envelope.Said = s
	}
	return t.envelope
}

// pick takes a job if one is there.
func pick(jobs <-chan *Claimed) *turn {
	select {
	case job, ok := <-jobs:
		if ok {
			return &turn{Claimed: job}
		}
	default:
	}
	return nil
}

// take gives the mail that was taken in hand ahead, nil for none.
func (c *courier) take() *turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.next
	if t != nil {
		c.impatient.Stop()
		c.next = nil
	}
	return t
}

// letGo gives the next mail back because the present one takes too long.
func (c *courier) letGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		c.giveBack(c.next)
		c.next = nil
	}
}

func (c *courier) giveBack(t *turn) {
	t.forget()
	c.worker.results <- Result{Lease: t.Lease, State: released}
}

// forget takes back what was said ahead of the mail; after it was sent there is
// nothing to take back.
func (t *turn) forget() {
	if t.envelope != nil && t.envelope.Said != nil {
		t.envelope.Said.Forget()
	}
}

// ask asks the limits, once.
func (w *Worker) ask(t *turn) (r *Result) {
	if !t.admitted {
		t.admitted = true
		t.wait, r = w.holdBack(t.Claimed)
	}
	return r
}

// admit asks the limits and waits for them.
func (w *Worker) admit(ctx context.Context, t *turn) *Result {
	if r := w.ask(t); r != nil {
		return r
	}
	if t.wait > 0 {
		w.pause(ctx, t.wait)
		t.wait = 0
	}
	return nil
}

// compose makes the envelope, once.
func (w *Worker) compose(t *turn) *Result {
	if t.envelope != nil {
		return nil
	}
	e, r := w.prepare(t.Claimed)
	if r == nil {
		t.envelope = &e
	}
	return r
}
