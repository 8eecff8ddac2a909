package brokertest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"sespan/internal/mail"
)

// altered changes what an announcer publishes.
type altered struct {
	mail.Broker
	publish func(ctx context.Context, through mail.Broker, batch []mail.Announcement) []error
}

// Publish does what the case wants.
func (a altered) Publish(ctx context.Context, batch []mail.Announcement) []error {
	return a.publish(ctx, a.Broker, batch)
}

// repeating publishes each announcement three times.
func repeating(b mail.Broker) mail.Broker {
	return altered{b, func(ctx context.Context, through mail.Broker, batch []mail.Announcement) []error {
		through.Publish(ctx, batch)
		through.Publish(ctx, batch)
		return through.Publish(ctx, batch)
	}}
}

// losing confirms two of three announcements without having them.
func losing() func(mail.Broker) mail.Broker {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	return func(b mail.Broker) mail.Broker {
		return altered{b, func(ctx context.Context, through mail.Broker, batch []mail.Announcement) []error {
			mu.Lock()
			kept := slices.DeleteFunc(slices.Clone(batch), func(mail.Announcement) bool { return random.IntN(3) > 0 })
			mu.Unlock()
			through.Publish(ctx, kept)
			return make([]error, len(batch))
		}}
	}
}

// counting counts what is published.
func counting(n *atomic.Int64) func(mail.Broker) mail.Broker {
	return func(b mail.Broker) mail.Broker {
		return altered{b, func(ctx context.Context, through mail.Broker, batch []mail.Announcement) []error {
			n.Add(int64(len(batch)))
			return through.Publish(ctx, batch)
		}}
	}
}

// refusing takes no announcement, as a broker does whose memory is full.
func refusing(b mail.Broker) mail.Broker {
	return altered{b, func(_ context.Context, _ mail.Broker, batch []mail.Announcement) []error {
		errs := make([]error, len(batch))
		for i := range errs {
			errs[i] = mail.ErrRefused
		}
		return errs
	}}
}

// watched notes what is acknowledged.
type watched struct {
	mail.Broker
	mu    sync.Mutex
	acked map[int64]int // by queue id
}

func watch(b mail.Broker) *watched { return &watched{Broker: b, acked: map[int64]int{}} }

// Consume is the broker's.
func (w *watched) Consume(ctx context.Context, o mail.ConsumeOptions) mail.Consumption {
	return watchedConsumption{w.Broker.Consume(ctx, o), w}
}

func (w *watched) acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

type watchedConsumption struct {
	mail.Consumption
	w *watched
}

// Ack notes and acknowledges.
func (c watchedConsumption) Ack(ctx context.Context, list []mail.Delivery) error {
	c.w.mu.Lock()
	for _, d := range list {
		c.w.acked[d.QueueID]++
	}
	c.w.mu.Unlock()
	return c.Consumption.Ack(ctx, list)
}
