package rabbitmq_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

// Who only looks counts what another installation has announced under the same prefix.
func TestDeadLettersAreCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	ours := s.broker(t)
	looks := s.broker(t, func(o *rabbitmq.Options) { o.Roles = nil })
	n, err := looks.DeadLetters(limit(t))
	require.NoError(t, err)
	require.Zero(t, n)

	ours.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	strange := s.announcements(1, mail.LaneUrgent, mail.LaneBulk)
	for i := range strange {
		strange[i].Installation = uuid.New()
	}
	publish(t, ours, strange)
	eventually(t, "both are dead letters", func() bool {
		n, err := looks.DeadLetters(limit(t))
		return err == nil && n == 2
	})
}
