package rabbitmq

import (
	"context"
	"time"

	"sespan/internal/mail"
)

const lagEvery = 15 * time.Second

// watchLag asks now and then how much lies in the lanes, on a channel of its own. Of several connections one asks.
func (b *Broker) watchLag(ctx context.Context, s *session) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		before, now := b.lagAt.Load(), time.Now().UnixNano()
		if now-before >= int64(lagEvery-time.Second) && b.lagAt.CompareAndSwap(before, now) {
			b.askLag(s)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.ended:
			return
		case <-tick.C:
		}
	}
}

// askLag leaves a lane's value when the queue does not answer; its absence shows elsewhere.
func (b *Broker) askLag(s *session) {
	ch, err := s.conn.Channel()
	if err != nil {
		return
	}
	defer func() { _ = ch.Close() }()
	for lane := range mail.Lane(mail.Lanes) {
		q, err := ch.QueueDeclarePassive(b.names.lanes[lane], true, false, false, false, nil)
		if err != nil {
			return
		}
		b.metrics.lag.WithLabelValues(lane.String()).Set(float64(q.Messages))
	}
}
