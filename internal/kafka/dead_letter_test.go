package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"sespan/internal/mail"
)

// What another installation announces under the same prefix is counted by who only looks.
func TestDeadLettersAreCounted(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	broker := bench.broker(t)
	looks := bench.broker(t, func(o *Options) { o.Roles = nil })
	require.NoError(t, looks.Check(within(t)))
	n, err := looks.DeadLetters(within(t))
	require.NoError(t, err)
	require.Zero(t, n)

	consume(t, broker, 10)
	other := bench.broker(t, func(o *Options) { o.Installation = uuid.New() })
	strange := announcements(mail.LaneBulk, 1, 3)
	for i := range strange {
		strange[i].Installation = uuid.New()
	}
	publish(t, other, strange)
	require.Eventually(t, func() bool {
		n, err := looks.DeadLetters(context.Background())
		return err == nil && n == 3
	}, 20*time.Second, 20*time.Millisecond)
}
