package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/mail"
)

func TestPublishConsumeAcknowledge(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	broker := bench.broker(t)
	require.NoError(t, broker.Check(within(t)))
	publish(t, broker, announcements(mail.LaneNormal, 1, 50))
	c := consume(t, broker, 100)
	got := receive(t, c, 50)
	seen := map[int64]bool{}
	for _, d := range got {
		require.Equal(t, installation, d.Installation)
		require.Equal(t, mail.LaneNormal, d.Lane)
		seen[d.QueueID] = true
	}
	require.Len(t, seen, 50)
	require.True(t, c.Connected())
	bench.lag(t, 50)
	require.NoError(t, c.Ack(within(t), got))
	bench.lag(t, 0)
}
