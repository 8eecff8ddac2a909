package kafka

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/kafka"
	"sespan/internal/mail"
)

func TestTopicsAreMadeAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	b := s.broker(t, func(o *kafka.Options) { o.Partitions, o.Retention = 5, 2*time.Hour })
	require.NoError(t, b.Check(within(t, 20*time.Second)))
	dead := s.prefix + ".mail.dead"
	for _, lane := range []string{"urgent", "normal", "bulk"} {
		name := s.prefix + ".mail." + lane
		topics, err := s.admin.ListTopics(within(t, 20*time.Second), name, dead)
		require.NoError(t, err)
		require.Len(t, topics[name].Partitions, 5)
		require.Len(t, topics[dead].Partitions, 1)
		require.Equal(t, "7200000", s.config(t, name)["retention.ms"])
		require.Equal(t, "delete", s.config(t, name)["cleanup.policy"])
		require.Equal(t, "1", s.config(t, name)["min.insync.replicas"])
	}
	require.Equal(t, "604800000", s.config(t, dead)["retention.ms"])
	require.Equal(t, "104857600", s.config(t, dead)["retention.bytes"])
	var log bytes.Buffer
	other := s.broker(t, func(o *kafka.Options) {
		o.Partitions, o.Retention, o.Logger = 3, time.Hour, slog.New(slog.NewTextHandler(&log, nil))
	})
	require.NoError(t, other.Check(within(t, 20*time.Second)), "more partitions and another retention are no harm")
	require.NoError(t, other.Check(within(t, 20*time.Second)))
	require.Equal(t, 3, strings.Count(log.String(), "level=WARN"), "each topic once: %s", &log)
	require.Contains(t, log.String(), "config=retention.ms has=7200000 want=3600000")
}

func (s *site) config(t *testing.T, topic string) map[string]string {
	t.Helper()
	all, err := s.admin.DescribeTopicConfigs(within(t, 20*time.Second), topic)
	require.NoError(t, err)
	found := map[string]string{}
	for _, c := range all[0].Configs {
		found[c.Key] = c.MaybeValue()
	}
	return found
}

func TestTopicsOfAnotherShapeAreRefused(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	for name, test := range map[string]struct {
		partitions int32
		configs    map[string]*string
		change     func(*kafka.Options)
		want       []string
	}{
		"too few partitions": {2, nil, func(*kafka.Options) {}, []string{"SESPAN_KAFKA_PARTITIONS", "has 2 partitions, wanted are 6", "--alter"}},
		"compacted":          {6, map[string]*string{"cleanup.policy": new("compact")}, func(*kafka.Options) {}, []string{"cleanup.policy=compact", "delete"}},
		"too few copies":     {6, nil, func(o *kafka.Options) { o.Replication = 3 }, []string{"SESPAN_KAFKA_REPLICATION", "has 1 copies, wanted are 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c)
			for _, topic := range []string{"normal", "urgent", "bulk", "dead"} {
				_, err := s.admin.CreateTopic(within(t, 20*time.Second), test.partitions, 1, test.configs, s.prefix+".mail."+topic)
				require.NoError(t, err)
			}
			require.Eventually(t, func() bool {
				topics, err := s.admin.ListTopics(context.Background())
				return err == nil && topics.Has(s.prefix+".mail.dead")
			}, 20*time.Second, 50*time.Millisecond)
			b := s.broker(t, test.change)
			err := b.Check(within(t, 20*time.Second))
			require.ErrorIs(t, err, mail.ErrBrokerSettings)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.ErrorIs(t, b.Publish(within(t, 20*time.Second), announcements(mail.LaneBulk, 1, 1))[0], mail.ErrBrokerSettings)
		})
	}
}

// A broker that has lost its data has no topics: they are made again, and both sides go on.
func TestTopicsThatAreGoneAreMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	b := s.broker(t)
	c := consume(t, b, 100)
	publish(t, b, announcements(mail.LaneNormal, 1, 20))
	receive(t, c, 20)
	_, err := s.admin.DeleteTopics(within(t, 20*time.Second), s.prefix+".mail.urgent", s.prefix+".mail.normal", s.prefix+".mail.bulk", s.prefix+".mail.dead")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		topics, err := s.admin.ListTopics(context.Background())
		return err == nil && !topics.Has(s.prefix+".mail.normal")
	}, 20*time.Second, 20*time.Millisecond)
	began := time.Now()
	var failed error
	require.Eventually(t, func() bool {
		err := b.Publish(within(t, 10*time.Second), announcements(mail.LaneNormal, 100, 1))[0]
		if err != nil {
			t.Log(time.Since(began), err)
			failed = err
		}
		return err == nil
	}, 40*time.Second, 100*time.Millisecond)
	t.Log("published again after", time.Since(began), "first:", failed)
	seen := receive(t, c, 1)
	t.Log("received again after", time.Since(began))
	require.Contains(t, seen, int64(100*1024))
}
