package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/kafka"
	"sespan/internal/mail"
)

func TestForeignAndPoisonGoToTheDeadLetters(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	metrics := prometheus.NewRegistry()
	b := s.broker(t, func(o *kafka.Options) { o.Metrics = metrics })
	require.NoError(t, b.Check(within(t, 20*time.Second)))
	topic := s.prefix + ".mail.normal"
	foreign := announcements(mail.LaneNormal, 1, 1)[0]
	foreign.Installation = uuid.New()
	results := s.client.ProduceSync(within(t, 20*time.Second),
		&kgo.Record{Topic: topic, Value: []byte("no announcement")},
		&kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", 500_000))},
		&kgo.Record{Topic: topic},
		&kgo.Record{Topic: topic, Value: foreign.Encode(), Key: []byte("a key")},
	)
	require.NoError(t, results.FirstErr())
	publish(t, b, announcements(mail.LaneNormal, 10, 3))
	receive(t, consume(t, b, 10), 3)
	s.lag(t, 0)

	reader, err := kgo.NewClient(kgo.SeedBrokers(s.client.OptValue(kgo.SeedBrokers).([]string)...), kgo.DisableClientMetrics(), kgo.ConsumeTopics(s.prefix+".mail.dead"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer reader.Close()
	reasons := map[string]string{}
	ctx := within(t, 20*time.Second)
	for len(reasons) < 4 {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, ctx.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			require.Equal(t, "sespan-reason", r.Headers[0].Key)
			require.Equal(t, topic, string(r.Headers[1].Value))
			require.LessOrEqual(t, len(r.Value), 16<<10)
			reasons[string(r.Headers[0].Value)] = string(r.Value)
		})
	}
	require.Equal(t, string(foreign.Encode()), reasons["of installation "+foreign.Installation.String()])
	require.Contains(t, reasons, "mail: an announcement of 500000 bytes")
	require.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP sespan_mail_foreign_total Announcements of another installation that came to this one, and went to the dead letters.
# TYPE sespan_mail_foreign_total counter
sespan_mail_foreign_total 1
# HELP sespan_mail_poison_total Messages that were no announcements, and went to the dead letters.
# TYPE sespan_mail_poison_total counter
sespan_mail_poison_total 3
`), "sespan_mail_foreign_total", "sespan_mail_poison_total"))
	err = b.Check(within(t, 20*time.Second))
	require.ErrorContains(t, err, "SESPAN_BROKER_PREFIX")
}
