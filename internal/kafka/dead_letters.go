package kafka

import "context"

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
