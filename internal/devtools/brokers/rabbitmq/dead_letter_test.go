package rabbitmq_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

// dead takes the messages out of the dead-letter queue.
func (s *site) dead(t *testing.T, ch *amqp.Channel, n int) []amqp.Delivery {
	t.Helper()
	queue := s.options.Prefix + ".mail.dead"
	holds(t, ch, queue, n)
	var got []amqp.Delivery
	for range n {
		d, ok, err := ch.Get(queue, true)
		require.NoError(t, err)
		require.True(t, ok)
		got = append(got, d)
	}
	return got
}

func TestWhatIsNoAnnouncementGoesToTheDeadLetters(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t)
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	eventually(t, "it consumes", c.Connected)
	ch := raw(t, s.node, "/")
	bodies := []string{"", "{}", "no JSON", strings.Repeat("x", mail.MaxAnnouncement+1), strings.Repeat("y", 1<<20)}
	for _, body := range bodies {
		require.NoError(t, ch.PublishWithContext(t.Context(), s.options.Prefix+".mail", "normal", true, false, amqp.Publishing{Body: []byte(body)}))
	}
	publish(t, b, s.announcements(1, mail.LaneNormal))
	good := receive(t, c, 1)
	assert.Equal(t, []int64{1 << 10}, rows(good), "a good one behind the bad ones")
	for i, d := range s.dead(t, ch, len(bodies)) {
		assert.Equal(t, "poison", d.Headers["sespan-reason"])
		assert.NotEmpty(t, d.Headers["sespan-error"])
		assert.Equal(t, s.options.Prefix+".mail.normal", d.Headers["sespan-queue"])
		assert.EqualValues(t, len(bodies[i]), d.Headers["sespan-bytes"])
		assert.Equal(t, bodies[i][:min(len(bodies[i]), 64<<10)], string(d.Body))
	}
	require.NoError(t, c.Ack(limit(t), good))
	assert.EqualValues(t, len(bodies), s.value(t, "sespan_mail_poison_total", ""))
	assert.Zero(t, s.value(t, "sespan_mail_foreign_total", ""))
	assert.NoError(t, b.Check(limit(t)))
	require.NoError(t, c.Close(limit(t)))
	holds(t, ch, s.options.Prefix+".mail.normal", 0) // they were acknowledged
}

func TestAnnouncementsOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	other := *s
	other.options.Installation = uuid.New()
	stranger, b := other.broker(t), s.broker(t)
	publish(t, stranger, other.many(1, 250, mail.LaneUrgent)) // more than one batch of dead letters
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 500})
	for _, d := range s.dead(t, raw(t, s.node, "/"), 250) {
		assert.Equal(t, "foreign", d.Headers["sespan-reason"])
		assert.Contains(t, d.Headers["sespan-error"], other.options.Installation.String())
	}
	select {
	case d := <-c.Deliveries():
		t.Fatalf("row %d of another installation was delivered", d.QueueID)
	default:
	}
	eventually(t, "all are counted", func() bool { return s.value(t, "sespan_mail_foreign_total", "") == 250 })
	assert.ErrorContains(t, b.Check(limit(t)), "SESPAN_BROKER_PREFIX")
}

// The queue of dead letters lets the oldest go.
func TestTheDeadLetterQueueIsBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	require.NoError(t, s.broker(t).Check(limit(t)))
	ch := raw(t, s.node, "/")
	_, err := ch.QueueDeclare(s.options.Prefix+".mail.dead", true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-message-ttl": int64(7 * 24 * 3600 * 1000), "x-max-length-bytes": int64(100_000_000),
	})
	assert.NoError(t, err, "its arguments are others")
}

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
