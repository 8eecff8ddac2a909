package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"sespan/internal/devtools/kafkad"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/kafka"
	"sespan/internal/mail"
)

const (
	user     = "sespan"
	password = "right and long=x"
)

// shared is the node of all tests that do not stop it.
var shared kafkad.Shared

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if consumerAsked() {
		return consumeForParent()
	}
	folder, err := os.MkdirTemp("", "kafka-tls-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if authority, err = newAuthority(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.Options = kafkad.Options{Log: os.Getenv("KAFKA_LOG"), Users: []kafkad.User{{Name: user, Password: password}}, TLS: &authority.files}
	code := pgtest.Main(m)
	program.Close()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

var installation = uuid.MustParse("6f1f2f3a-0000-4000-8000-000000000001")

// site is a prefix of its own at a cluster.
type site struct {
	cluster *kafkad.Cluster
	prefix  string
	client  *kgo.Client // of an administrator
	admin   *kadm.Client
}

func newSite(t *testing.T, c *kafkad.Cluster) *site {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addresses(kafkad.Plain)...), kgo.DisableClientMetrics(), kgo.MetadataMinAge(100*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &site{c, "s" + strings.ReplaceAll(uuid.NewString(), "-", ""), client, kadm.NewClient(client)}
}

func (s *site) options() kafka.Options {
	return kafka.Options{
		Addresses: s.cluster.Addresses(kafkad.Plain), Prefix: s.prefix, Installation: installation, Partitions: 6,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
	}
}

func (s *site) broker(t *testing.T, change ...func(*kafka.Options)) *kafka.Broker {
	t.Helper()
	o := s.options()
	for _, c := range change {
		c(&o)
	}
	b, err := kafka.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(within(t, 30*time.Second))) })
	return b
}

// lag waits until so much lies before the group.
func (s *site) lag(t *testing.T, want int64) {
	t.Helper()
	var got int64
	require.Eventually(t, func() bool {
		lags, err := s.admin.Lag(context.Background(), s.prefix+".mail")
		if err != nil {
			return false
		}
		group := lags[s.prefix+".mail"]
		got = group.Lag.Total()
		return got == want
	}, 20*time.Second, 50*time.Millisecond, "lag %d", want)
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func announcements(lane mail.Lane, from, count int) (all []mail.Announcement) {
	for i := range count {
		all = append(all, mail.Announcement{Installation: installation, QueueID: int64(from+i) * 1024, Lane: lane, At: time.Now()})
	}
	return all
}

func publish(t *testing.T, b *kafka.Broker, all []mail.Announcement) {
	t.Helper()
	for _, err := range b.Publish(within(t, 30*time.Second), all) {
		require.NoError(t, err)
	}
}

func consume(t *testing.T, b *kafka.Broker, prefetch int) mail.Consumption {
	t.Helper()
	c := b.Consume(context.Background(), mail.ConsumeOptions{Prefetch: prefetch})
	t.Cleanup(func() { require.NoError(t, c.Close(within(t, 30*time.Second))) })
	return c
}

// receive takes deliveries until so many different rows have come, and acknowledges them.
func receive(t *testing.T, c mail.Consumption, count int) map[int64]int {
	t.Helper()
	ctx := within(t, 60*time.Second)
	seen := map[int64]int{}
	for len(seen) < count {
		select {
		case d := <-c.Deliveries():
			seen[d.QueueID]++
			require.NoError(t, c.Ack(ctx, []mail.Delivery{d}))
		case <-ctx.Done():
			require.FailNow(t, "too few deliveries", "got %d of %d", len(seen), count)
		}
	}
	return seen
}
