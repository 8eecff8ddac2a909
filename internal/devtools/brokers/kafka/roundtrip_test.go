package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/mail"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	b := s.broker(t)
	require.NoError(t, b.Check(within(t, 20*time.Second)))
	c := consume(t, b, 100)
	publish(t, b, announcements(mail.LaneBulk, 1, 3000))
	publish(t, b, announcements(mail.LaneUrgent, 5000, 10))
	began := time.Now()
	seen := receive(t, c, 3010)
	t.Logf("3010 in %v", time.Since(began))
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
	s.lag(t, 0)
	var took []time.Duration
	for i := range 50 {
		at := time.Now()
		publish(t, b, announcements(mail.LaneUrgent, 10_000+i, 1))
		confirmed := time.Since(at)
		receive(t, c, 1)
		took = append(took, confirmed, time.Since(at))
	}
	t.Log(took)
}
