package kafka

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/mail"
)

const (
	// Without room for so long a consumer leaves the group: others get its partitions.
	leaveAfter = 3 * time.Second
	retryFirst = 250 * time.Millisecond
	retryMost  = 5 * time.Second
)

// consumption is one consumer. It is a member of the group while it has room; each time it
// joins, that is a session with a client of its own.
type consumption struct {
	broker     *Broker
	ledger     *ledger
	deliveries chan mail.Delivery

	current   atomic.Pointer[session]
	connected atomic.Bool
	full      atomic.Int64  // since when there is no room, Unix nanoseconds; 0: there is
	room      chan struct{} // filled when there is again

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Consume implements mail.Broker.
func (b *Broker) Consume(ctx context.Context, o mail.ConsumeOptions) mail.Consumption {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends by Close, which commits
	c := &consumption{
		broker: b, ledger: newLedger(cmp.Or(o.Room, o.Prefetch)), deliveries: make(chan mail.Delivery), room: make(chan struct{}, 1), stop: stop,
	}
	b.metrics.connected(mail.BrokerConsumer, false)
	c.wg.Go(func() { c.handOver(ctx) })
	c.wg.Go(func() { c.run(ctx) })
	return c
}

// Deliveries implements mail.Consumption.
func (c *consumption) Deliveries() <-chan mail.Delivery { return c.deliveries }

// Connected implements mail.Consumption. Who has left the group because there is no room
// is connected.
func (c *consumption) Connected() bool { return c.connected.Load() }

// Ack implements mail.Consumption. Kafka is told a little later.
func (c *consumption) Ack(_ context.Context, deliveries []mail.Delivery) error {
	entries := make([]*entry, 0, len(deliveries))
	for _, d := range deliveries {
		e, ok := d.Tag.(*entry)
		if !ok {
			return errors.New("kafka: a delivery of another broker")
		}
		entries = append(entries, e)
	}
	c.ledger.acknowledge(entries...)
	if s := c.current.Load(); s != nil {
		s.pace()
	}
	return nil
}

// SetRoom implements mail.Consumption.
func (c *consumption) SetRoom(room [mail.Lanes]int) {
	c.ledger.setRoom(room)
	if s := c.current.Load(); s != nil {
		s.pace()
	}
	if room == [mail.Lanes]int{} {
		c.full.CompareAndSwap(0, time.Now().UnixNano())
		return
	}
	if c.full.Swap(0) != 0 {
		select {
		case c.room <- struct{}{}:
		default:
		}
	}
}

// crowded tells whether there has been no room for too long.
func (c *consumption) crowded() bool {
	since := c.full.Load()
	return since != 0 && time.Since(time.Unix(0, since)) >= leaveAfter
}

// Close implements mail.Consumption.
func (c *consumption) Close(ctx context.Context) error {
	c.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.wg.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("kafka: the consumer has not left its group yet"), ctx.Err())
	}
}

// handOver gives what was received to the consumer, one by one: what is more urgent and
// comes meanwhile goes first.
func (c *consumption) handOver(ctx context.Context) {
	var next *entry
	for {
		if next != nil && c.ledger.outrun(next) {
			c.ledger.putBack(next)
			next = nil
		}
		if next == nil {
			next = c.ledger.reserve()
		}
		var to chan<- mail.Delivery // nil: nobody takes
		var delivery mail.Delivery
		if next != nil {
			to, delivery = c.deliveries, next.delivery
		}
		select {
		case to <- delivery:
			next = nil
		case <-c.ledger.changed:
		case <-ctx.Done():
			return
		}
	}
}

// run joins the group again and again.
func (c *consumption) run(ctx context.Context) {
	defer c.set(ctx, false, nil)
	for pause := retryFirst; ctx.Err() == nil; {
		for c.crowded() && ctx.Err() == nil {
			select {
			case <-c.room:
			case <-ctx.Done():
			}
		}
		err := c.session(ctx)
		if err == nil || ctx.Err() != nil {
			pause = retryFirst
			continue
		}
		c.set(ctx, false, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, retryMost)
	}
}

// set notes whether deliveries can come, and logs a change.
func (c *consumption) set(ctx context.Context, up bool, err error) {
	c.broker.metrics.connected(mail.BrokerConsumer, up)
	if c.broker.joining.Store(nil); err != nil {
		c.broker.joining.Store(&err)
	}
	if c.connected.Swap(up) == up && err == nil || ctx.Err() != nil {
		return
	}
	if up {
		c.broker.log.InfoContext(ctx, "kafka: the consumer has joined its group", "group", c.broker.options.group())
		return
	}
	c.broker.warn(ctx, "kafka: the consumer is without its group, and tries to join it", err)
}
