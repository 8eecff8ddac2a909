package rabbitmq

import (
	"bytes"
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Why a message is a dead letter: the closed list of the header sespan-reason.
const (
	poison  = "poison"  // no announcement
	foreign = "foreign" // an announcement of another installation
)

const (
	burialTimeout = 5 * time.Second
	burialPause   = time.Second
	burialBatch   = 100
	maxDeadBody   = 64 << 10 // of a longer message this much is kept
)

type deadLetter struct {
	lane   *lane
	number uint64
	body   []byte // its beginning
	bytes  int    // of all of it
	why    string
	err    error
}

func newDeadLetter(l *lane, d amqp.Delivery, why string, err error) deadLetter {
	letter := deadLetter{lane: l, number: d.DeliveryTag, body: d.Body, bytes: len(d.Body), why: why, err: err}
	if letter.bytes > maxDeadBody {
		letter.body = bytes.Clone(d.Body[:maxDeadBody]) // and the rest need not be kept in memory
	}
	return letter
}

// message is what lies in the dead-letter queue, for people to look at.
func (d deadLetter) message() message {
	return message{contentType: "application/octet-stream", body: d.body, headers: amqp.Table{
		"sespan-reason": d.why, "sespan-error": d.err.Error(), "sespan-queue": d.lane.queue, "sespan-bytes": int64(d.bytes),
	}}
}

// bury puts dead letters into their queue and acknowledges them where they came from when that is confirmed; until
// then they are tried again, and stay in their lane when the connection ends.
func (s *stream) bury(ctx context.Context) {
	var batch []deadLetter
	for {
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case d := <-s.dead:
				batch = append(batch, d)
			}
		}
		for len(batch) < burialBatch && len(s.dead) > 0 {
			batch = append(batch, <-s.dead)
		}
		if batch = s.buryBatch(ctx, batch); len(batch) > 0 && !pause(ctx, burialPause) {
			return
		}
	}
}

// buryBatch gives those that are to be tried again.
func (s *stream) buryBatch(ctx context.Context, batch []deadLetter) (again []deadLetter) {
	b := s.c.b
	messages := make([]message, len(batch))
	for i, d := range batch {
		messages[i] = d.message()
	}
	limited, cancel := context.WithTimeout(ctx, burialTimeout)
	defer cancel()
	var failure error
	for i, err := range b.deadLetters.publish(limited, b.names.dead, messages) {
		d := batch[i]
		if err != nil {
			failure = err
			again = append(again, d)
			continue
		}
		if d.why == foreign {
			b.metrics.foreign.Inc()
		} else {
			b.metrics.poison.Inc()
		}
		_ = d.lane.ack([]uint64{d.number}) // else it comes again, to be buried again
	}
	if failure != nil && ctx.Err() == nil {
		b.log.WarnContext(ctx, "rabbitmq: messages for the dead-letter queue wait in their lanes", "messages", len(again), "err", failure)
	}
	return again
}

// DeadLetters tells how many messages the dead-letter queue keeps.
func (b *Broker) DeadLetters(ctx context.Context) (int64, error) {
	s, err := b.dial(ctx, "check")
	if err != nil {
		return 0, err
	}
	defer s.close()
	ch, err := s.channel()
	if err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(b.names.dead, true, false, false, false, nil)
	return int64(q.Messages), err
}
