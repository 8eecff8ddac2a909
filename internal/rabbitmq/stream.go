package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

// stream is what one connection brings to a consumer.
type stream struct {
	*session
	c     *consumption
	lanes [mail.Lanes]*lane
	dead  chan deadLetter
}

// newStream begins to consume all lanes, each on a channel of its own, because the prefetch is the channel's.
func newStream(session *session, c *consumption) (*stream, error) {
	s := &stream{session: session, c: c, dead: make(chan deadLetter, mail.Lanes*c.prefetch)}
	for i, queue := range c.b.names.lanes {
		ch, err := session.channel()
		if err != nil {
			return nil, err
		}
		if err := ch.Qos(c.prefetch, 0, false); err != nil {
			return nil, err
		}
		deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
		if err != nil {
			return nil, &topologyError{what: "queue " + queue, err: err}
		}
		s.lanes[i] = &lane{queue: queue, ch: ch, deliveries: deliveries}
	}
	return s, nil
}

// handOn gives deliveries to the consumer, of those that are there the most urgent one, until the session ends. What has
// come waits here, at most the prefetch of each lane: the library would bring the lanes one message at a time.
func (s *stream) handOn(ctx context.Context) {
	var waiting [mail.Lanes][]mail.Delivery
	for {
		var out chan mail.Delivery
		var next mail.Delivery
		var first int
		for i, queue := range waiting {
			if len(queue) > 0 && (!s.c.full.Load() || mail.Lane(i) == mail.LaneUrgent) {
				out, next, first = s.c.out, queue[0], i
				break
			}
		}
		var from mail.Lane
		var d amqp.Delivery
		var open bool
		select {
		case <-ctx.Done():
			return
		case <-s.ended:
			return
		case <-s.c.turned:
			continue
		case out <- next:
			waiting[first] = waiting[first][1:]
			continue
		case d, open = <-s.lanes[mail.LaneUrgent].deliveries:
			from = mail.LaneUrgent
		case d, open = <-s.lanes[mail.LaneNormal].deliveries:
			from = mail.LaneNormal
		case d, open = <-s.lanes[mail.LaneBulk].deliveries:
			from = mail.LaneBulk
		}
		if delivery := s.read(s.lanes[from], d, open); delivery != nil {
			waiting[from] = append(waiting[from], *delivery)
		}
	}
}

// read gives the delivery, or nil for what goes to the dead letters.
func (s *stream) read(l *lane, d amqp.Delivery, open bool) *mail.Delivery {
	if !open { // the broker has cancelled the consumer: the queue is gone
		s.end(fmt.Errorf("rabbitmq: queue %s is gone", l.queue))
		return nil
	}
	l.came(d.DeliveryTag)
	a, err := mail.DecodeAnnouncement(d.Body)
	why := poison
	if err == nil && a.Installation != s.c.b.o.Installation {
		why, err = foreign, errors.New("it is of installation "+a.Installation.String())
		s.c.b.foreignAt.Store(time.Now().UnixNano())
	}
	if err != nil {
		s.dead <- newDeadLetter(l, d, why, err) // has room for all that can be unacknowledged
		return nil
	}
	return &mail.Delivery{Announcement: a, Received: time.Now(), Tag: tag{l, d.DeliveryTag}}
}
