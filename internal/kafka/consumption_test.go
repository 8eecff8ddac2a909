package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"sespan/internal/mail"
)

func (b *bench) members(t *testing.T, count int) {
	t.Helper()
	_, err := b.cluster.WaitGroupInfo(within(t), "shop.mail", func(g *kfake.GroupInfo) bool { return g != nil && len(g.Members) == count })
	require.NoError(t, err)
}

func TestAConsumerWithoutRoomLeavesTheGroupUntilItHasSome(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	crowded, roomy := bench.broker(t), bench.broker(t)
	c := consume(t, crowded, 5)
	require.Eventually(t, c.Connected, 20*time.Second, 10*time.Millisecond)
	bench.members(t, 1)
	c.SetRoom([mail.Lanes]int{})
	c.SetRoom([mail.Lanes]int{})
	bench.members(t, 0)
	require.True(t, c.Connected(), "it left of itself")
	publish(t, roomy, announcements(mail.LaneUrgent, 1, 20))
	other := consume(t, roomy, 50)
	require.NoError(t, other.Ack(within(t), receive(t, other, 20)))
	bench.lag(t, 0)
	c.SetRoom([mail.Lanes]int{5, 5, 5})
	bench.members(t, 2)
}

func TestWhatWasNotAcknowledgedComesToAnotherConsumer(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	first, second := bench.broker(t), bench.broker(t)
	publish(t, first, announcements(mail.LaneNormal, 1, 30))
	c := first.Consume(context.Background(), mail.ConsumeOptions{Prefetch: 40})
	got := receive(t, c, 30)
	require.NoError(t, c.Ack(within(t), got[:10]))
	require.NoError(t, c.Close(within(t)))
	require.False(t, c.Connected())
	require.NoError(t, c.Ack(within(t), got), "too late, and no harm")
	again := consume(t, second, 40)
	seen := map[int64]bool{}
	for _, d := range got[:10] {
		seen[d.QueueID] = true
	}
	for len(seen) < 30 {
		seen[receive(t, again, 1)[0].QueueID] = true
	}
}

func TestALaneThatIsFullDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	broker := bench.broker(t)
	publish(t, broker, announcements(mail.LaneBulk, 1, 2000))
	c := consume(t, broker, 10)
	bulk := receive(t, c, 10)
	select {
	case d := <-c.Deliveries():
		require.Fail(t, "more than the prefetch", d)
	case <-time.After(50 * time.Millisecond): // none can come: nothing to wait for
	}
	publish(t, broker, announcements(mail.LaneUrgent, 5000, 5))
	for _, d := range receive(t, c, 5) {
		require.Equal(t, mail.LaneUrgent, d.Lane)
	}
	for range 199 {
		require.NoError(t, c.Ack(within(t), bulk))
		bulk = receive(t, c, 10)
	}
}

func TestADeliveryOfAnotherBrokerIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := consume(t, newBench(t).broker(t), 1)
	require.Error(t, c.Ack(within(t), []mail.Delivery{{Tag: 5}}))
}
