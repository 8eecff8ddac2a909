package kafka

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"sespan/internal/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var installation = uuid.MustParse("6f1f2f3a-0000-4000-8000-000000000001")

// bench is a Kafka in this process, and what looks at it from outside.
type bench struct {
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
}

func newBench(t *testing.T, opts ...kfake.Opt) *bench {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &bench{cluster, client, kadm.NewClient(client)}
}

func (b *bench) options(t *testing.T) Options {
	t.Helper()
	return Options{
		Addresses: b.cluster.ListenAddrs(), Prefix: "shop", Installation: installation, Partitions: 3,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
	}
}

func (b *bench) broker(t *testing.T, change ...func(*Options)) *Broker {
	t.Helper()
	o := b.options(t)
	for _, c := range change {
		c(&o)
	}
	broker, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close(within(t))) })
	return broker
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func announcements(lane mail.Lane, from, count int) (all []mail.Announcement) {
	for i := range count {
		all = append(all, mail.Announcement{Installation: installation, QueueID: int64(from+i) * 1024, Lane: lane, At: time.UnixMicro(1764460800000000)})
	}
	return all
}

func publish(t *testing.T, b *Broker, all []mail.Announcement) {
	t.Helper()
	for _, err := range b.Publish(within(t), all) {
		require.NoError(t, err)
	}
}

func consume(t *testing.T, b *Broker, prefetch int) mail.Consumption {
	t.Helper()
	c := b.Consume(within(t), mail.ConsumeOptions{Prefetch: prefetch})
	t.Cleanup(func() { require.NoError(t, c.Close(within(t))) })
	return c
}

func receive(t *testing.T, c mail.Consumption, count int) (all []mail.Delivery) {
	t.Helper()
	ctx := within(t)
	for range count {
		select {
		case d := <-c.Deliveries():
			all = append(all, d)
		case <-ctx.Done():
			require.FailNow(t, "no delivery", "got %d of %d", len(all), count)
		}
	}
	return all
}

// lag asks until the group has so much before it.
func (b *bench) lag(t *testing.T, want int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		lags, err := b.admin.Lag(context.Background(), "shop.mail")
		if err != nil {
			return false
		}
		return lags["shop.mail"].Lag.Total() == want
	}, 20*time.Second, 20*time.Millisecond)
}
