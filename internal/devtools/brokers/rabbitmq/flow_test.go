package rabbitmq_test

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
)

func TestAnnouncementsArriveWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	batch := s.announcements(1, mail.LaneUrgent, mail.LaneNormal, mail.LaneBulk)
	publish(t, b, batch)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	got := receive(t, c, len(batch))
	for i, d := range got {
		assert.Contains(t, batch, d.Announcement, "delivery %d", i)
		assert.False(t, d.Received.IsZero())
	}
	assert.True(t, c.Connected())
	assert.NoError(t, b.Check(limit(t)))
	assert.EqualValues(t, 1, s.value(t, "sespan_mail_broker_connected", "announcer"))
	assert.EqualValues(t, 1, s.value(t, "sespan_mail_broker_connected", "consumer"))
	require.NoError(t, c.Ack(limit(t), got))
	require.NoError(t, c.Close(limit(t)))
	assert.False(t, c.Connected())
	again := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	publish(t, b, s.announcements(9, mail.LaneBulk))
	assert.Equal(t, []int64{9 << 10}, rows(receive(t, again, 1)), "what was acknowledged came again")
}

// A thousand in flight on one channel, acknowledged in an order of their own.
func TestBatchesAreConfirmedAndAcknowledgedTogether(t *testing.T) {
	t.Parallel()
	const n = 1000
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: n})
	publish(t, b, s.many(1, n, mail.LaneNormal))
	got := receive(t, c, n)
	slices.SortFunc(got, func(a, b mail.Delivery) int { return int(a.QueueID - b.QueueID) })
	for i, d := range got {
		require.EqualValues(t, (i+1)<<10, d.QueueID)
	}
	var even, odd []mail.Delivery
	for i, d := range got[:n-1] {
		if i%2 == 0 {
			even = append(even, d)
		} else {
			odd = append(odd, d)
		}
	}
	require.NoError(t, c.Ack(limit(t), even))
	require.NoError(t, c.Ack(limit(t), odd))
	require.NoError(t, c.Ack(limit(t), odd), "twice is once")
	// A quorum queue works acknowledgements off after the channel has taken them, and forgets those of a closed one.
	settled := regexp.MustCompile(regexp.QuoteMeta(s.options.Prefix+".mail.normal") + `\s+1\n`)
	eventually(t, "all but one are settled", func() bool {
		list, err := s.node.Control(t.Context(), "-q", "list_queues", "name", "messages_unacknowledged")
		require.NoError(t, err)
		return settled.MatchString(list)
	})
	require.NoError(t, c.Close(limit(t)))
	other := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: n})
	assert.Equal(t, []int64{n << 10}, rows(receive(t, other, 1)), "the one that was not acknowledged")
	holds(t, raw(t, s.node, "/"), s.options.Prefix+".mail.normal", 0)
}

func TestTheUrgentLaneComesFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	publish(t, b, s.many(100, 20, mail.LaneBulk))
	publish(t, b, s.many(200, 20, mail.LaneNormal))
	publish(t, b, s.many(300, 20, mail.LaneUrgent))
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 100})
	ch := raw(t, s.node, "/")
	for _, lane := range []string{"urgent", "normal", "bulk"} {
		holds(t, ch, s.options.Prefix+".mail."+lane, 0) // all have gone to the consumer, which has handed on none
	}
	got := receive(t, c, 60)
	lanes := map[mail.Lane]int{}
	for _, d := range got[1:21] {
		lanes[d.Lane]++
	}
	assert.GreaterOrEqual(t, lanes[mail.LaneUrgent], 19, "the first came by chance, the others did not: %v", lanes)
}

func TestThePrefetchBoundsWhatOneConsumerTakes(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 5})
	publish(t, b, s.many(100, 20, mail.LaneBulk))
	publish(t, b, s.many(200, 6, mail.LaneUrgent))
	ch := raw(t, s.node, "/")
	holds(t, ch, s.options.Prefix+".mail.bulk", 15)
	holds(t, ch, s.options.Prefix+".mail.urgent", 1)
	require.NoError(t, c.Ack(limit(t), receive(t, c, 10)))
	holds(t, ch, s.options.Prefix+".mail.bulk", 10)
}

// What a consumer without room does not take is there for others.
func TestAConsumerWithoutRoomIsCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 100})
	publish(t, b, s.announcements(1, mail.LaneUrgent, mail.LaneBulk))
	before := receive(t, c, 2)
	c.SetRoom([mail.Lanes]int{})
	ch := raw(t, s.node, "/")
	// A quorum queue counts a cancelled consumer until its last acknowledgement.
	for i, queue := range []string{".mail.normal", ".mail.urgent", ".mail.bulk"} {
		eventually(t, "no consumer", func() bool {
			q, err := ch.QueueDeclarePassive(s.options.Prefix+queue, true, false, false, false, nil)
			require.NoError(t, err)
			return q.Consumers == 0
		})
		if i == 0 {
			require.NoError(t, c.Ack(limit(t), before), "what came before is acknowledged still")
		}
	}
	publish(t, b, s.announcements(10, mail.LaneUrgent, mail.LaneNormal, mail.LaneBulk))
	assert.True(t, c.Connected())
	select {
	case d := <-c.Deliveries():
		t.Fatalf("a delivery of the lane %s without room", d.Lane)
	default:
	}
	c.SetRoom([mail.Lanes]int{100, 100, 100})
	require.NoError(t, c.Ack(limit(t), receive(t, c, 3)))
	c.SetRoom([mail.Lanes]int{})
	c.SetRoom([mail.Lanes]int{100, 100, 100})
	publish(t, b, s.announcements(20, mail.LaneNormal))
	receive(t, c, 1)
}

// A consumer has no more of a lane than it has room for, while others flow.
func TestAConsumerHasRoomOfEachLane(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 100, Room: 3})
	publish(t, b, s.many(1, 30, mail.LaneBulk))
	first := receive(t, c, 3)
	publish(t, b, s.announcements(100, mail.LaneNormal))
	require.Equal(t, mail.LaneNormal, receive(t, c, 1)[0].Lane, "a fourth one of the lane")
	c.SetRoom([mail.Lanes]int{3, 3, 20})
	require.NoError(t, c.Ack(limit(t), first))
	receive(t, c, 20)
	publish(t, b, s.announcements(200, mail.LaneUrgent))
	require.Equal(t, mail.LaneUrgent, receive(t, c, 1)[0].Lane, "more than there is room for")
}

func TestConsumersShare(t *testing.T) {
	t.Parallel()
	const n = 200
	s := newSite(t, rabbitmqd.Start(t))
	b, other := s.broker(t), s.broker(t)
	first := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	second := other.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	eventually(t, "both are there", func() bool { return first.Connected() && second.Connected() })
	publish(t, b, s.many(1, n, mail.LaneNormal))
	seen, share := map[int64]int{}, [][]mail.Delivery{}
	ctx := limit(t)
	for _, c := range []mail.Consumption{first, second} { // as much as each may hold
		got := receive(t, c, 10)
		for _, d := range got {
			seen[d.QueueID]++
		}
		share = append(share, got)
	}
	require.NoError(t, first.Ack(ctx, share[0]))
	require.NoError(t, second.Ack(ctx, share[1]))
	for len(seen) < n {
		var d mail.Delivery
		var from mail.Consumption
		select {
		case d = <-first.Deliveries():
			from = first
		case d = <-second.Deliveries():
			from = second
		case <-ctx.Done():
			t.Fatalf("%d of %d", len(seen), n)
		}
		seen[d.QueueID]++
		require.NoError(t, from.Ack(ctx, []mail.Delivery{d}))
	}
	for id, times := range seen {
		assert.Equal(t, 1, times, "row %d", id)
	}

	publish(t, b, s.many(1000, 10, mail.LaneNormal))
	held := receive(t, first, 1) // and never acknowledged
	require.NoError(t, other.Close(limit(t)))
	receive(t, first, 9)
	require.NoError(t, first.Close(limit(t)))
	third := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 20})
	assert.Contains(t, rows(receive(t, third, 10)), held[0].QueueID)
}

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range b.Publish(ended, s.many(1, 3, mail.LaneBulk)) {
		assert.ErrorIs(t, err, context.Canceled)
	}
	publish(t, b, s.many(1, 3, mail.LaneBulk))
}

func TestWithoutAQueueAnAnnouncementIsReturned(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	publish(t, b, s.announcements(1, mail.LaneNormal))
	require.NoError(t, raw(t, s.node, "/").QueueUnbind(s.options.Prefix+".mail.bulk", "bulk", s.options.Prefix+".mail", nil))
	errs := b.Publish(limit(t), s.announcements(1, mail.LaneUrgent, mail.LaneBulk, mail.LaneNormal, mail.LaneBulk))
	for i, lost := range []bool{false, true, false, true} {
		if lost {
			assert.ErrorIs(t, errs[i], mail.ErrReturned, "announcement %d", i)
		} else {
			assert.NoError(t, errs[i], "announcement %d", i)
		}
	}
}
