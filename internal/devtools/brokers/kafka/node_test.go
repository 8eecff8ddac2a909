package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/kafkad"
	"sespan/internal/mail"
)

// A node of its own: it is stopped, killed and frozen, one after the other.
func TestANodeThatIsAwayComesBack(t *testing.T) {
	t.Parallel()
	cluster, err := kafkad.New(context.Background(), kafkad.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	node := cluster.Nodes[0]
	s := newSite(t, cluster)
	b := s.broker(t)
	c := consume(t, b, 100)
	row := 0
	flows := func() {
		t.Helper()
		began := time.Now()
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			row++
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
			defer cancel()
			for _, err := range b.Publish(ctx, announcements(mail.LaneUrgent, row, 1)) {
				assert.NoError(t, err)
			}
		}, 40*time.Second, 50*time.Millisecond)
		confirmed := time.Since(began)
		wanted := int64(row) * 1024
		for {
			if d := receive(t, c, 1); d[wanted] > 0 {
				break
			}
		}
		t.Log("confirmed after", confirmed, "received after", time.Since(began))
	}
	flows()
	for name, away := range map[string]func(){"stopped": node.Stop, "killed": node.Kill} {
		away()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		require.Error(t, b.Publish(ctx, announcements(mail.LaneUrgent, 100_000, 1))[0], name)
		cancel()
		require.ErrorContains(t, b.Check(within(t, 5*time.Second)), "SESPAN_BROKER_URL")
		require.Eventually(t, func() bool { return !c.Connected() }, 20*time.Second, 20*time.Millisecond)
		require.NoError(t, node.Start(within(t, 3*time.Minute)))
		t.Log("again, after it was", name)
		flows()
		require.Eventually(t, c.Connected, 20*time.Second, 20*time.Millisecond)
	}
	require.NoError(t, node.Freeze())
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	began := time.Now()
	require.ErrorIs(t, b.Publish(ctx, announcements(mail.LaneUrgent, 200_000, 1))[0], context.DeadlineExceeded)
	require.Less(t, time.Since(began), 5*time.Second)
	require.NoError(t, node.Thaw())
	flows()
	s.lag(t, 0)
}
