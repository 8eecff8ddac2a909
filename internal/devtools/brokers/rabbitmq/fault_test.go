package rabbitmq_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
)

// A node that is killed, stopped, filled up and held, one after the other, while the same two processes use it.
func TestFaults(t *testing.T) { //nolint:tparallel // one node, one fault after the other
	t.Parallel()
	f := &fault{node: rabbitmqd.New(t)}
	f.site = newSite(t, f.node)
	f.broker = f.site.broker(t)
	f.consumer = f.broker.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 50})
	for _, c := range []struct {
		name string
		test func(*testing.T, *fault)
	}{
		{"several publish at the same moment", severalPublish},
		{"the node is short of memory", nodeIsShortOfMemory},
		{"the node does not answer", nodeDoesNotAnswer},
		{"closed while nothing answers", closedWhileTheNodeIsHeld},
		{"a queue is deleted", queueIsDeleted},
		{"an exchange is deleted", exchangeIsDeleted},
		{"the connections are cut", connectionsAreCut},
		{"the node is restarted", nodeIsRestarted},
		// After the restart: RabbitMQ 3.10 loses a quorum queue that was made within a second before a kill -9.
		{"the node is killed", nodeIsKilled},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.flows(t)
			c.test(t, f)
			f.flows(t)
		})
	}
}

type fault struct {
	node     *rabbitmqd.Node
	site     *site
	broker   mail.Broker
	consumer mail.Consumption
	row      int64
}

func (f *fault) next() int64 {
	f.row++
	return f.row
}

// flows waits until announcements go through in each lane, however often that takes.
func (f *fault) flows(t *testing.T) {
	t.Helper()
	eventually(t, "announcements flow", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		batch := f.site.announcements(f.next()*1000, mail.LaneUrgent, mail.LaneNormal, mail.LaneBulk)
		for _, err := range f.broker.Publish(ctx, batch) {
			if err != nil {
				return false
			}
		}
		got := map[int64]bool{}
		for len(got) < len(batch) {
			select {
			case d := <-f.consumer.Deliveries():
				if err := f.consumer.Ack(ctx, []mail.Delivery{d}); err == nil && d.QueueID >= batch[0].QueueID {
					got[d.QueueID] = true
				}
			case <-ctx.Done():
				return false
			}
		}
		return true
	})
	assert.True(t, f.consumer.Connected())
	eventually(t, "Check finds nothing", func() bool { return f.broker.Check(limit(t)) == nil })
}

// What was confirmed is there after a kill -9, and what was not acknowledged comes again.
func nodeIsKilled(t *testing.T, f *fault) {
	t.Helper()
	batch := f.site.many(f.next()*1000, 20, mail.LaneNormal)
	publish(t, f.broker, batch)
	before := receiveEach(t, f.consumer, batch)
	f.node.Kill()
	eventually(t, "the consumer notices", func() bool { return !f.consumer.Connected() })
	errs := f.broker.Publish(limit(t), batch[:1])
	require.Error(t, errs[0])
	assert.NotErrorIs(t, errs[0], mail.ErrReturned)
	assert.NotErrorIs(t, errs[0], context.DeadlineExceeded, "it is told at once")
	assert.Error(t, f.broker.Check(limit(t)))
	assert.Zero(t, f.site.value(t, "sespan_mail_broker_connected", "consumer"))
	assert.Error(t, f.consumer.Ack(limit(t), before), "they cannot be acknowledged any more")
	require.NoError(t, f.node.Restart(t.Context()))
	again := receiveEach(t, f.consumer, batch)
	require.NoError(t, f.consumer.Ack(limit(t), again))
}

func nodeIsRestarted(t *testing.T, f *fault) {
	t.Helper()
	f.node.Stop()
	require.NoError(t, f.node.Restart(t.Context()))
}

// A node short of memory says so, and refuses; acknowledgements go on, because they have a connection of their own.
func nodeIsShortOfMemory(t *testing.T, f *fault) {
	t.Helper()
	publish(t, f.broker, f.site.announcements(f.next()*1000, mail.LaneUrgent))
	_, err := f.node.Control(t.Context(), "set_vm_memory_high_watermark", "0.000001")
	require.NoError(t, err)
	began := time.Now()
	for range 2 { // the first finds out
		for _, err := range f.broker.Publish(limit(t), f.site.many(f.next()*1000, 10, mail.LaneBulk)) {
			assert.ErrorIs(t, err, mail.ErrRefused)
			assert.ErrorContains(t, err, "memory")
		}
	}
	assert.Less(t, time.Since(began), 5*time.Second, "it does not wait for its context")
	assert.ErrorIs(t, f.broker.Check(limit(t)), mail.ErrRefused)
	require.NoError(t, f.consumer.Ack(limit(t), receive(t, f.consumer, 1)))
	assert.True(t, f.consumer.Connected())
	_, err = f.node.Control(t.Context(), "set_vm_memory_high_watermark", "0.4")
	require.NoError(t, err)
}

// A broker that takes nothing in is a network that is cut: a publisher waits as long as it was told to.
func nodeDoesNotAnswer(t *testing.T, f *fault) {
	t.Helper()
	require.NoError(t, f.node.Pause())
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		for _, err := range f.broker.Publish(ctx, f.site.many(f.next()*1000, 5, mail.LaneNormal)) {
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Less(t, time.Since(began), 3*time.Second)
		cancel()
	}
	eventually(t, "the heartbeat misses it", func() bool { return !f.consumer.Connected() && f.broker.Check(limit(t)) != nil })
	require.NoError(t, f.node.Resume())
}

func queueIsDeleted(t *testing.T, f *fault) {
	t.Helper()
	_, err := raw(t, f.node, "/").QueueDelete(f.site.options.Prefix+".mail.normal", false, false, false)
	require.NoError(t, err)
}

func exchangeIsDeleted(t *testing.T, f *fault) {
	t.Helper()
	require.NoError(t, raw(t, f.node, "/").ExchangeDelete(f.site.options.Prefix+".mail", false, false))
	for _, err := range f.broker.Publish(limit(t), f.site.many(f.next()*1000, 3, mail.LaneNormal)) {
		assert.ErrorContains(t, err, "no exchange")
	}
}

func connectionsAreCut(t *testing.T, f *fault) {
	t.Helper()
	_, err := f.node.Control(t.Context(), "close_all_connections", "for a test")
	require.NoError(t, err)
}

// Close ends within its time, whatever the broker does.
func closedWhileTheNodeIsHeld(t *testing.T, f *fault) {
	t.Helper()
	b := f.site.broker(t)
	publish(t, b, f.site.announcements(f.next()*1000, mail.LaneNormal))
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 5})
	eventually(t, "it consumes", c.Connected)
	require.NoError(t, f.node.Pause())
	began := time.Now()
	assert.NoError(t, b.Close(limit(t)))
	assert.Less(t, time.Since(began), 8*time.Second)
	assert.False(t, c.Connected())
	for _, err := range b.Publish(limit(t), f.site.announcements(1, mail.LaneNormal)) {
		assert.Error(t, err)
	}
	require.NoError(t, f.node.Resume())
}

func severalPublish(t *testing.T, f *fault) {
	t.Helper()
	done := make(chan []error, 4)
	for i := range 4 {
		batch := f.site.many(f.next()*1000, 100, mail.Lane(i%mail.Lanes))
		ctx := limit(t)
		go func() { done <- f.broker.Publish(ctx, batch) }()
	}
	for range 4 {
		for _, err := range <-done {
			assert.NoError(t, err)
		}
	}
	for range 400 {
		require.NoError(t, f.consumer.Ack(limit(t), receive(t, f.consumer, 1)))
	}
}
