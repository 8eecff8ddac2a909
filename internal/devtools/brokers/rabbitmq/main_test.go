package rabbitmq_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	code := rabbitmqd.Main(func() int { return pgtest.Main(m) })
	program.Close()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patience is for anything that a busy machine does late.
const patience = 20 * time.Second

var sites atomic.Int64

// site is one installation with names of its own at the broker.
type site struct {
	node    *rabbitmqd.Node
	options rabbitmq.Options
	metrics *prometheus.Registry
}

func newSite(t *testing.T, node *rabbitmqd.Node) *site {
	t.Helper()
	metrics := prometheus.NewRegistry()
	return &site{node: node, metrics: metrics, options: rabbitmq.Options{
		Addresses: []string{node.AMQP}, User: rabbitmqd.Guest, Password: rabbitmqd.Guest,
		Prefix: fmt.Sprintf("s%d", sites.Add(1)), Installation: uuid.New(), Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: metrics,
		Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
	}}
}

// broker is one process of the site; change alters its settings.
func (s *site) broker(t *testing.T, change ...func(*rabbitmq.Options)) *rabbitmq.Broker {
	t.Helper()
	o := s.options
	s.metrics = prometheus.NewRegistry()
	o.Metrics = s.metrics
	for _, f := range change {
		f(&o)
	}
	b, err := rabbitmq.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// announcements of lanes, with rows counted from first.
func (s *site) announcements(first int64, lanes ...mail.Lane) []mail.Announcement {
	batch := make([]mail.Announcement, len(lanes))
	for i, lane := range lanes {
		batch[i] = mail.Announcement{
			Installation: s.options.Installation, QueueID: (first + int64(i)) << 10, Lane: lane, At: time.Now().UTC().Truncate(time.Microsecond),
		}
	}
	return batch
}

func (s *site) many(first int64, n int, lane mail.Lane) []mail.Announcement {
	lanes := make([]mail.Lane, n)
	for i := range lanes {
		lanes[i] = lane
	}
	return s.announcements(first, lanes...)
}

func limit(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// publish insists on a confirmation for each.
func publish(t *testing.T, b mail.Broker, batch []mail.Announcement) {
	t.Helper()
	for i, err := range b.Publish(limit(t), batch) {
		require.NoError(t, err, "announcement %d", i)
	}
}

// receive takes n deliveries.
func receive(t *testing.T, c mail.Consumption, n int) []mail.Delivery {
	t.Helper()
	ctx := limit(t)
	got := make([]mail.Delivery, 0, n)
	for len(got) < n {
		select {
		case d := <-c.Deliveries():
			got = append(got, d)
		case <-ctx.Done():
			t.Fatalf("%d deliveries of %d", len(got), n)
		}
	}
	return got
}

// receiveEach waits for one delivery of each announcement. What was acknowledged while a
// connection ended may come again meanwhile: a broker may repeat.
func receiveEach(t *testing.T, c mail.Consumption, batch []mail.Announcement) []mail.Delivery {
	t.Helper()
	missing := map[int64]bool{}
	for _, a := range batch {
		missing[a.QueueID] = true
	}
	var got []mail.Delivery
	for len(missing) > 0 {
		d := receive(t, c, 1)[0]
		if !missing[d.QueueID] {
			_ = c.Ack(limit(t), []mail.Delivery{d}) // if it fails, it comes once more
			continue
		}
		delete(missing, d.QueueID)
		got = append(got, d)
	}
	return got
}

func rows(deliveries []mail.Delivery) []int64 {
	ids := make([]int64, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.QueueID
	}
	return ids
}

// raw is a connection that is not the adapter's.
func raw(t *testing.T, node *rabbitmqd.Node, vhost string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.DialConfig("amqp://guest:guest@"+node.AMQP, amqp.Config{Vhost: vhost})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	return ch
}

// holds waits until a queue has so many messages that wait for a consumer.
func holds(t *testing.T, ch *amqp.Channel, queue string, want int) {
	t.Helper()
	last := -1
	err := poll.Until(limit(t), 20*time.Millisecond, func() (bool, error) {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		last = q.Messages
		return last == want, err
	})
	require.NoError(t, err, "%s has %d, want %d", queue, last, want)
}

// eventually waits for what sends no signal.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	err := poll.Until(limit(t), 10*time.Millisecond, func() (bool, error) { return is(), nil })
	require.NoError(t, err, what)
}

// value of a series, by name and the value of its label.
func (s *site) value(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := s.metrics.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || strings.Contains(m.String(), `"`+label+`"`)) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no series %s of %q", name, label)
	return 0
}
