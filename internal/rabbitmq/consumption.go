package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"sespan/internal/mail"
)

// consumption is a consumer's deliveries, over one connection after the other.
type consumption struct {
	b        *Broker
	prefetch int
	out      chan mail.Delivery
	room     [mail.Lanes]atomic.Int32 // most unacknowledged deliveries now
	turned   chan struct{}            // filled when that changes
	cancel   context.CancelFunc
	done     chan struct{}

	mu     sync.Mutex
	stream *stream // nil: no connection
	err    error   // why there is none
}

// Consume implements mail.Broker. What ctx carries goes on; its end does not end it, because what has come is still to be
// acknowledged.
func (b *Broker) Consume(ctx context.Context, o mail.ConsumeOptions) mail.Consumption {
	c := &consumption{
		b: b, prefetch: max(o.Prefetch, 1), out: make(chan mail.Delivery), turned: make(chan struct{}, 1),
		done: make(chan struct{}), err: errConnecting,
	}
	for i := range c.room {
		c.room[i].Store(int32(min(max(cmp.Or(o.Room, o.Prefetch), 1), c.prefetch))) //nolint:gosec // a thousand
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		c.err = errClosed
		close(c.done)
		return c
	}
	b.reads[c] = struct{}{}
	unlink := context.AfterFunc(b.stop, c.cancel) //nolint:contextcheck // the broker's end is that of its consumers
	b.work.Go(func() {
		defer close(c.done)
		defer unlink()
		keep(ctx, b.log.With("role", string(mail.BrokerConsumer)), c.once, func(err error) { c.set(nil, err) })
		c.set(nil, errClosed)
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.reads, c)
	})
	return c
}

func (c *consumption) set(s *stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream, c.err = s, err
}

func (c *consumption) state() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil {
		return c.stream.state()
	}
	return c.err
}

// once connects, hands deliveries on and says why that ended.
func (c *consumption) once(ctx context.Context) (stood bool, err error) {
	session, err := c.b.dial(ctx, mail.BrokerConsumer)
	if err != nil {
		return false, err
	}
	defer session.close()
	defer context.AfterFunc(ctx, session.close)() // calls of the library wait for answers without a context
	s := &stream{session: session, c: c, dead: make(chan deadLetter, 2*mail.Lanes*c.prefetch)}
	if err = session.within(answerTimeout, s.open); err != nil {
		if errors.Is(err, errNoAnswer) {
			err = &topologyError{what: "queue " + s.asked, err: err}
		}
		return false, c.b.explain(session.address, &wire{}, err)
	}
	c.b.log.InfoContext(ctx, "rabbitmq: connected", "role", string(mail.BrokerConsumer), "address", s.address)
	c.set(s, nil)
	c.b.metrics.connected(mail.BrokerConsumer, true)
	defer c.b.metrics.connected(mail.BrokerConsumer, false)
	defer c.set(nil, errConnecting)
	inner, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer session.close()
	defer cancel()
	all.Go(func() { s.bury(inner) })
	all.Go(func() { c.b.watchLag(inner, session) })
	s.handOn(ctx)
	session.end(nil)
	return true, session.err
}

// Deliveries implements mail.Consumption.
func (c *consumption) Deliveries() <-chan mail.Delivery { return c.out }

// Connected implements mail.Consumption.
func (c *consumption) Connected() bool { return c.state() == nil }

// SetRoom implements mail.Consumption.
func (c *consumption) SetRoom(room [mail.Lanes]int) {
	changed := false
	for i, n := range room {
		n := int32(min(n, c.prefetch)) //nolint:gosec // a thousand
		changed = c.room[i].Swap(n) != n || changed
	}
	if !changed {
		return
	}
	select {
	case c.turned <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Ack implements mail.Consumption.
func (c *consumption) Ack(_ context.Context, deliveries []mail.Delivery) error {
	byLane := map[*lane][]uint64{}
	for _, d := range deliveries {
		t := d.Tag.(tag)
		byLane[t.lane] = append(byLane[t.lane], t.number)
	}
	var errs []error
	for l, numbers := range byLane {
		errs = append(errs, l.ack(numbers))
	}
	return errors.Join(errs...)
}

// Close implements mail.Consumption.
func (c *consumption) Close(ctx context.Context) error {
	c.cancel()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
