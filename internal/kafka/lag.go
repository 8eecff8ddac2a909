package kafka

import (
	"context"
	"time"

	"sespan/internal/mail"
)

const watchInterval = 15 * time.Second

// watch measures the lag every 15 s, and has topics made again that are gone.
func (b *Broker) watch() {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-b.ending.Done():
			return
		}
		if !b.topicsReady.Load() {
			continue // nothing has been published or received yet
		}
		if err := b.measureLag(b.ending); err != nil {
			b.log.DebugContext(b.ending, "kafka: the lag is not known", "err", err)
		}
	}
}

// measureLag counts, for each lane, what lies after the group's offsets.
func (b *Broker) measureLag(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	topics := b.options.laneTopics()
	ends, err := b.admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if b.topicsGone(err) {
		return b.ensureTopics(ctx)
	}
	if err != nil {
		return err
	}
	starts, err := b.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	committed, err := b.admin.FetchOffsetsForTopics(ctx, b.options.group(), topics...)
	if err != nil {
		return err
	}
	for l := range mail.Lane(mail.Lanes) {
		lag := int64(0)
		for partition, end := range ends[b.options.topic(l)] {
			from := int64(0)
			if start, ok := starts.Lookup(end.Topic, partition); ok {
				from = start.Offset
			}
			if offset, ok := committed.Lookup(end.Topic, partition); ok {
				from = max(from, offset.At)
			}
			lag += max(0, end.Offset-from)
		}
		b.metrics.lag.WithLabelValues(l.String()).Set(float64(lag))
	}
	return nil
}
