package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

// stream is what one connection brings to a consumer.
type stream struct {
	*session
	c     *consumption
	lanes [mail.Lanes]*lane
	dead  chan deadLetter
	asked string // the queue that was last asked for deliveries
}

// open makes a channel for each lane, because so many of each may come, and begins.
func (s *stream) open() error {
	for i, queue := range s.c.b.names.lanes {
		ch, err := s.channel()
		if err != nil {
			return err
		}
		s.lanes[i] = &lane{queue: queue, ch: ch}
	}
	return s.turn(&[mail.Lanes][]mail.Delivery{})
}

// turn begins to consume, or stops it, as the consumer has room; for another number of deliveries it stops and begins. What
// has come by then is delivered all the same: its rows are announced again when the consumer gives them up, and not before.
func (s *stream) turn(waiting *[mail.Lanes][]mail.Delivery) error {
	for i, l := range s.lanes {
		room := int(s.c.room[i].Load())
		if l.deliveries != nil && l.room != room {
			if err := l.ch.Cancel(l.consumer, false); err != nil {
				return err
			}
			for d := range l.deliveries {
				waiting[i] = s.read(waiting[i], l, d)
			}
			l.deliveries = nil
		}
		if room > 0 && l.deliveries == nil {
			if err := l.ch.Qos(room, 0, false); err != nil { // of the consumers that follow
				return err
			}
			// A name of its own each time: the queue knows the cancelled one until its last acknowledgement.
			l.consumer, s.asked = uuid.NewString(), l.queue
			deliveries, err := l.ch.Consume(l.queue, l.consumer, false, false, false, false, nil)
			if err != nil {
				return &topologyError{what: "queue " + l.queue, err: err}
			}
			l.deliveries, l.room = deliveries, room
		}
	}
	return nil
}

// handOn gives deliveries to the consumer, of those that are there the most urgent one, until the session ends. What has
// come waits here, about the prefetch of each lane at most: the library would bring the lanes one message at a time.
func (s *stream) handOn(ctx context.Context) {
	var waiting [mail.Lanes][]mail.Delivery
	for {
		var out chan mail.Delivery
		var next mail.Delivery
		first := slices.IndexFunc(waiting[:], func(queue []mail.Delivery) bool { return len(queue) > 0 })
		if first >= 0 {
			out, next = s.c.out, waiting[first][0]
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
			if err := s.within(answerTimeout, func() error { return s.turn(&waiting) }); err != nil {
				s.end(err)
			}
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
		if !open { // the broker has cancelled the consumer
			s.end(fmt.Errorf("rabbitmq: queue %s is gone", s.lanes[from].queue))
			return
		}
		waiting[from] = s.read(waiting[from], s.lanes[from], d)
	}
}

// read adds the delivery to those that wait, or to the dead letters.
func (s *stream) read(waiting []mail.Delivery, l *lane, d amqp.Delivery) []mail.Delivery {
	l.came(d.DeliveryTag)
	a, err := mail.DecodeAnnouncement(d.Body)
	why := poison
	if err == nil && a.Installation != s.c.b.o.Installation {
		why, err = foreign, errors.New("it is of installation "+a.Installation.String())
		s.c.b.foreignAt.Store(time.Now().UnixNano())
	}
	if err != nil {
		s.dead <- newDeadLetter(l, d, why, err) // has room for all that can be unacknowledged
		return waiting
	}
	return append(waiting, mail.Delivery{Announcement: a, Received: time.Now(), Tag: tag{l, d.DeliveryTag}})
}
