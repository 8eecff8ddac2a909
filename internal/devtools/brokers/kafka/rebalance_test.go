package kafka

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/mail"
)

// members waits until the group has so many consumers, each with partitions.
func (s *site) members(t *testing.T, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		groups, err := s.admin.DescribeGroups(context.Background(), s.prefix+".mail")
		if err != nil {
			return false
		}
		group := groups[s.prefix+".mail"]
		if group.State != "Stable" || len(group.Members) != count {
			return false
		}
		for _, m := range group.Members {
			if assigned, ok := m.Assigned.AsConsumer(); !ok || len(assigned.Topics) == 0 {
				return false
			}
		}
		return true
	}, 30*time.Second, 50*time.Millisecond, "%d members", count)
}

// Of three consumers one is killed, one stopped: what is published from then on comes to
// the third, within the session and a little.
func TestConsumersThatAreKilledAndStoppedLoseTheirPartitions(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	b := s.broker(t)
	require.NoError(t, b.Check(within(t, 20*time.Second)))
	killed, stopped := s.process(t), s.process(t)
	c := consume(t, b, 100)
	s.members(t, 3)
	killed.signal(t, syscall.SIGKILL)
	stopped.signal(t, syscall.SIGSTOP)
	began := time.Now()
	publish(t, b, announcements(mail.LaneUrgent, 1, 60))
	receive(t, c, 60)
	t.Log("all came after", time.Since(began))
	require.Less(t, time.Since(began), 10*time.Second)
	s.lag(t, 0)
	stopped.signal(t, syscall.SIGCONT)
	s.members(t, 2)
	publish(t, b, announcements(mail.LaneUrgent, 1000, 600))
	seen := map[string]bool{}
	ctx := within(t, 30*time.Second)
	for mine := 0; mine+len(seen) < 600; {
		select {
		case d := <-c.Deliveries():
			mine++
			require.NoError(t, c.Ack(ctx, []mail.Delivery{d}))
		case row := <-stopped.rows:
			seen[row] = true
		case <-ctx.Done():
			require.FailNow(t, "not all came")
		}
	}
	require.NotEmpty(t, seen, "the one that was stopped has its share again")
}

func TestConsumersComeAndGoWhileAnnouncementsFlow(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	announcer := s.broker(t)
	require.NoError(t, announcer.Check(within(t, 20*time.Second)))
	first, second := consume(t, s.broker(t), 50), s.broker(t).Consume(context.Background(), mail.ConsumeOptions{Prefetch: 50})
	s.members(t, 2)
	seen, twice := map[int64]bool{}, 0
	take := func(c mail.Consumption, d mail.Delivery) {
		if seen[d.QueueID] {
			twice++
		}
		seen[d.QueueID] = true
		require.NoError(t, c.Ack(context.Background(), []mail.Delivery{d}))
	}
	ctx := within(t, 60*time.Second)
	for round := range 20 {
		publish(t, announcer, announcements(mail.LaneNormal, 1+round*100, 100))
		if round == 10 {
			require.NoError(t, second.Close(within(t, 20*time.Second)))
		}
		for len(seen) < (round+1)*100 {
			select {
			case d := <-first.Deliveries():
				take(first, d)
			case d := <-second.Deliveries():
				take(second, d)
			case <-ctx.Done():
				require.FailNow(t, "not all came", "%d in round %d", len(seen), round)
			}
		}
	}
	t.Log("twice:", twice)
	require.LessOrEqual(t, twice, 100, "what one had not acknowledged comes to another, no more")
	s.lag(t, 0)
}
