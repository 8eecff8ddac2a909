package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/devtools/kafkad"
)

// newKafka starts a node or a cluster, with three copies of each topic.
func newKafka(ctx context.Context, size int) (*broker, error) {
	b := &broker{kind: "kafka"}
	cluster, err := kafkad.New(ctx, kafkad.Options{
		Nodes: size, Advertise: func(listener string) (string, error) { return b.way(ctx, listener) },
	})
	if err != nil {
		return nil, errors.Join(err, b.end())
	}
	b.close = cluster.Close
	b.url = "kafka://" + strings.Join(cluster.Advertised(), ",")
	for _, n := range cluster.Nodes {
		b.nodes = append(b.nodes, brokerNode{kill: n.Kill, start: n.Start})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addresses(kafkad.Plain)...), kgo.DisableClientMetrics(), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, errors.Join(err, b.end())
	}
	b.close = func() error { client.Close(); return cluster.Close() }
	b.wipe = func(ctx context.Context) error {
		n := cluster.Nodes[0]
		return errors.Join(n.Wipe(ctx), n.Start(ctx))
	}
	useKafka(b, client)
	return b, nil
}

// useKafka is what an operator can do with a client.
func useKafka(b *broker, client *kgo.Client) {
	admin := kadm.NewClient(client)
	b.refuse = func(ctx context.Context, on bool) error {
		// With one copy Kafka asks for no more than one in sync, whatever min.insync.replicas says.
		most := map[bool]string{true: "1", false: "1048588"}[on]
		altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &most}},
			"sespan.mail.urgent", "sespan.mail.normal", "sespan.mail.bulk")
		for _, a := range altered {
			err = errors.Join(err, a.Err)
		}
		return err
	}
	b.stray = func(ctx context.Context, body []byte) error {
		return client.ProduceSync(ctx, &kgo.Record{Topic: "sespan.mail.normal", Value: body}).FirstErr()
	}
	b.dead = func(ctx context.Context) (int, error) {
		ends, err := admin.ListEndOffsets(ctx, "sespan.mail.dead")
		end, _ := ends.Lookup("sespan.mail.dead", 0)
		return int(end.Offset), err
	}
}
