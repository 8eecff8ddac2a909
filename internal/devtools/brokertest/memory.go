package brokertest

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"sespan/internal/mail"
)

var errAway = errors.New("brokertest: the broker is away")

// Memory is a broker in memory. Like a real one it gives what a consumer did not
// acknowledge to another one.
type Memory struct {
	mu        sync.Mutex
	queues    [mail.Lanes][]mail.Announcement
	consumers []*memoryConsumer // the one whose turn is next comes first
	away      bool
	refuse    bool
}

// NewMemory makes one.
func NewMemory() *Memory { return &Memory{} }

// Client makes a client.
func (m *Memory) Client() mail.Broker { return memoryClient{m} }

// Cut makes the broker unreachable until restore; what it has it keeps.
func (m *Memory) Cut() (restore func()) {
	m.change(func() {
		m.away = true
		for _, c := range m.consumers {
			m.takeBack(c)
		}
	})
	return func() { m.change(func() { m.away = false }) }
}

// Refuse makes the broker take no announcement until accept.
func (m *Memory) Refuse() (accept func()) {
	m.change(func() { m.refuse = true })
	return func() { m.change(func() { m.refuse = false }) }
}

// Waiting counts what is not acknowledged.
func (m *Memory) Waiting() (n int) {
	m.change(func() {
		for _, q := range m.queues {
			n += len(q)
		}
		for _, c := range m.consumers {
			n += len(c.unacked)
		}
	})
	return n
}

// change does something and then delivers what can be delivered.
func (m *Memory) change(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
	if m.away {
		return
	}
	for lane := range m.queues {
		for len(m.queues[lane]) > 0 && m.deliver(mail.Lane(lane), m.queues[lane][0]) {
			m.queues[lane] = m.queues[lane][1:]
		}
	}
}

// deliver gives an announcement to the next consumer that takes it.
func (m *Memory) deliver(lane mail.Lane, a mail.Announcement) bool {
	for i, c := range m.consumers {
		if c.perLane[lane] < c.room[lane] {
			m.consumers = append(append(m.consumers[:i:i], m.consumers[i+1:]...), c)
			c.tag++
			c.unacked[c.tag] = a
			c.perLane[lane]++
			c.deliveries <- mail.Delivery{Announcement: a, Received: time.Now(), Tag: c.tag} // has place for all
			return true
		}
	}
	return false
}

// takeBack puts what a consumer did not acknowledge to the head of the queues.
func (m *Memory) takeBack(c *memoryConsumer) {
	for len(c.deliveries) > 0 {
		<-c.deliveries
	}
	for tag, a := range c.unacked {
		m.queues[a.Lane] = append([]mail.Announcement{a}, m.queues[a.Lane]...)
		delete(c.unacked, tag)
	}
	c.perLane = [mail.Lanes]int{}
}

type memoryClient struct{ m *Memory }

func (c memoryClient) Publish(_ context.Context, batch []mail.Announcement) []error {
	errs := make([]error, len(batch))
	c.m.change(func() {
		for i, a := range batch {
			switch {
			case c.m.away:
				errs[i] = errAway
			case c.m.refuse:
				errs[i] = mail.ErrRefused
			default:
				c.m.queues[a.Lane] = append(c.m.queues[a.Lane], a)
			}
		}
	})
	return errs
}

func (c memoryClient) Consume(_ context.Context, o mail.ConsumeOptions) mail.Consumption {
	consumer := &memoryConsumer{
		m: c.m, unacked: map[int]mail.Announcement{}, deliveries: make(chan mail.Delivery, mail.Lanes*o.Prefetch),
	}
	for lane := range consumer.room {
		consumer.room[lane] = cmp.Or(o.Room, o.Prefetch)
	}
	c.m.change(func() { c.m.consumers = append(c.m.consumers, consumer) })
	return consumer
}

func (c memoryClient) Check(context.Context) (err error) {
	c.m.change(func() {
		if c.m.away {
			err = errAway
		}
	})
	return err
}

func (memoryClient) Close(context.Context) error { return nil }

type memoryConsumer struct {
	m          *Memory
	room       [mail.Lanes]int // most unacknowledged deliveries
	tag        int
	unacked    map[int]mail.Announcement
	perLane    [mail.Lanes]int
	deliveries chan mail.Delivery
}

func (c *memoryConsumer) Deliveries() <-chan mail.Delivery { return c.deliveries }

func (c *memoryConsumer) Ack(_ context.Context, deliveries []mail.Delivery) (err error) {
	c.m.change(func() {
		for _, d := range deliveries {
			if _, there := c.unacked[d.Tag.(int)]; !there { //nolint:forcetypeassert // its own
				err = errAway // it was taken back
				continue
			}
			delete(c.unacked, d.Tag.(int)) //nolint:forcetypeassert // its own
			c.perLane[d.Lane]--
		}
	})
	return err
}

func (c *memoryConsumer) SetRoom(room [mail.Lanes]int) { c.m.change(func() { c.room = room }) }

func (c *memoryConsumer) Connected() (connected bool) {
	c.m.change(func() { connected = !c.m.away })
	return connected
}

func (c *memoryConsumer) Close(context.Context) error {
	c.m.change(func() {
		for i, other := range c.m.consumers {
			if other == c {
				c.m.consumers = append(c.m.consumers[:i:i], c.m.consumers[i+1:]...)
				c.m.takeBack(c)
				return
			}
		}
	})
	return nil
}
