package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

const (
	// How much of a message that is no announcement the dead letters keep.
	deadValue = 16 << 10
	// The header of a dead letter that says why it is one, and those that say whence.
	reasonHeader = "sespan-reason"
	topicHeader  = "sespan-topic"
)

// receive takes a record in: an announcement of ours waits to be handed over; all else goes
// to the dead letters.
func (b *Broker) receive(ctx context.Context, l *ledger, r *kgo.Record) {
	a, err := mail.DecodeAnnouncement(r.Value)
	switch {
	case err != nil:
		b.metrics.poison.Inc()
		b.bury(ctx, l.add(r, nil), l, r, err.Error())
	case a.Installation != b.options.Installation:
		b.metrics.foreign.Inc()
		b.foreign.Store(time.Now().Unix())
		b.bury(ctx, l.add(r, nil), l, r, "of installation "+a.Installation.String())
	default:
		l.add(r, &a)
	}
}

// bury publishes a dead letter and then acknowledges it. One that cannot be published is
// let go: no mail hangs on it.
func (b *Broker) bury(ctx context.Context, e *entry, l *ledger, r *kgo.Record, reason string) {
	b.warn(ctx, "kafka: a message goes to the dead letters (SESPAN_BROKER_PREFIX is for one installation alone): "+reason, nil)
	letter := &kgo.Record{
		Topic: b.options.deadTopic(), Value: r.Value[:min(len(r.Value), deadValue)],
		Headers: []kgo.RecordHeader{{Key: reasonHeader, Value: []byte(reason)}, {Key: topicHeader, Value: []byte(r.Topic)}},
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*requestTimeout)
	b.producer.TryProduce(ctx, letter, func(_ *kgo.Record, err error) {
		defer cancel()
		if err != nil && b.ending.Err() == nil {
			b.warn(ctx, "kafka: a dead letter is lost", b.options.explain(err))
		}
		l.acknowledge(e)
	})
}

// DeadLetters tells how many messages the topic of dead letters keeps.
func (b *Broker) DeadLetters(ctx context.Context) (int64, error) {
	topic := b.options.deadTopic()
	starts, err := b.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, b.options.explain(err)
	}
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, b.options.explain(err)
	}
	n := int64(0)
	for partition, end := range ends[topic] {
		if start, ok := starts.Lookup(topic, partition); ok {
			n += end.Offset - start.Offset
		}
	}
	return n, nil
}
