package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"sespan/internal/mail"
)

// failProduce has each announcement of the urgent lane answered with an error.
func (b *bench) failProduce(err *kerr.Error) {
	fault := kfake.Fault{Err: err, Count: -1, Topic: "shop.mail.urgent"}
	fault.Keys = append(fault.Keys, 0) // produce
	b.cluster.Fault(fault)
}

func TestWhatKafkaDoesNotTakeIsRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.KafkaStorageError, kerr.PolicyViolation, kerr.MessageTooLarge} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			bench := newBench(t)
			broker := bench.broker(t)
			require.NoError(t, broker.Check(within(t)))
			bench.failProduce(code)
			for _, err := range broker.Publish(within(t), announcements(mail.LaneUrgent, 1, 3)) {
				require.ErrorIs(t, err, mail.ErrRefused)
			}
		})
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	broker := bench.broker(t)
	require.NoError(t, broker.Check(within(t)))
	bench.failProduce(kerr.NotEnoughReplicas)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	for _, err := range broker.Publish(ctx, announcements(mail.LaneUrgent, 1, 10)) {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Less(t, time.Since(began), 5*time.Second)
	require.Equal(t, context.DeadlineExceeded, broker.Publish(ctx, announcements(mail.LaneBulk, 1, 1))[0])
	require.Empty(t, broker.Publish(ctx, nil))
}

func TestATopicThatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	broker := bench.broker(t)
	publish(t, broker, announcements(mail.LaneNormal, 1, 1))
	require.NoError(t, bench.cluster.DeleteTopic("shop.mail.normal"))
	require.ErrorIs(t, broker.Publish(within(t), announcements(mail.LaneNormal, 2, 1))[0], mail.ErrReturned)
	publish(t, broker, announcements(mail.LaneNormal, 2, 1))
}

func TestAnOldBrokerIsRefused(t *testing.T) {
	t.Parallel()
	for _, versions := range []*kversion.Versions{kversion.V2_8_0(), kversion.V3_0_0()} {
		broker := newBench(t, kfake.MaxVersions(versions)).broker(t)
		err := broker.Check(within(t))
		require.ErrorIs(t, err, mail.ErrBrokerSettings)
		require.ErrorContains(t, err, "Kafka 3.3 or later is needed")
		require.ErrorIs(t, broker.Publish(within(t), announcements(mail.LaneNormal, 1, 1))[0], mail.ErrBrokerSettings)
	}
	require.NoError(t, newBench(t, kfake.MaxVersions(kversion.V3_3_0())).broker(t).Check(within(t)))
}
