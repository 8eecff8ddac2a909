package rabbitmq

import (
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

const (
	laneTTL = time.Minute // twice the time after which any announcement is repeated
	deadTTL = 7 * 24 * time.Hour
	// deadBytes bounds the dead-letter queue; the oldest go.
	deadBytes = 100_000_000
)

// topology is the names at the broker.
type topology struct {
	exchange string // and the exchange and the queue of dead letters
	dead     string
	lanes    [mail.Lanes]string // queues
}

func newTopology(prefix string) topology {
	t := topology{exchange: prefix + ".mail", dead: prefix + ".mail.dead"}
	for lane := range mail.Lane(mail.Lanes) {
		t.lanes[lane] = t.exchange + "." + lane.String()
	}
	return t
}

// declaration is one step of the topology: how it is made, and how one without the right to make it looks for it.
type declaration struct {
	what string
	make func(*amqp.Channel) error
	look func(*amqp.Channel) error // nil: cannot be looked up
}

func (t topology) declarations() []declaration {
	quorum := func(ttl time.Duration) amqp.Table {
		return amqp.Table{"x-queue-type": "quorum", "x-message-ttl": ttl.Milliseconds()}
	}
	deadArgs := quorum(deadTTL)
	deadArgs["x-max-length-bytes"] = int64(deadBytes)
	all := []declaration{
		exchange(t.exchange, amqp.ExchangeDirect), exchange(t.dead, amqp.ExchangeFanout),
		queue(t.dead, deadArgs), binding(t.dead, "", t.dead),
	}
	for lane := range mail.Lane(mail.Lanes) {
		all = append(all, queue(t.lanes[lane], quorum(laneTTL)), binding(t.lanes[lane], lane.String(), t.exchange))
	}
	return all
}

func exchange(name, kind string) declaration {
	return declaration{
		what: "exchange " + name,
		make: func(ch *amqp.Channel) error { return ch.ExchangeDeclare(name, kind, true, false, false, false, nil) },
		look: func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(name, kind, true, false, false, false, nil)
		},
	}
}

func queue(name string, args amqp.Table) declaration {
	return declaration{
		what: "queue " + name,
		make: func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, args)
			return err
		},
		look: func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			return err
		},
	}
}

func binding(queue, key, exchange string) declaration {
	return declaration{what: "binding of " + queue, make: func(ch *amqp.Channel) error {
		return ch.QueueBind(queue, key, exchange, false, nil)
	}}
}

// declare makes what is missing and compares what is there. An error closes the channel it happens on.
func (t topology) declare(conn *amqp.Connection) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	for _, d := range t.declarations() {
		err := d.make(ch)
		if answer(err) == amqp.AccessRefused {
			if ch, err = conn.Channel(); err == nil && d.look != nil {
				err = d.look(ch)
			}
		}
		if err != nil {
			return &topologyError{what: d.what, err: err}
		}
	}
	return ch.Close()
}

type topologyError struct {
	what string
	err  error
}

func (e *topologyError) Error() string { return fmt.Sprintf("%s: %v", e.what, e.err) }
func (e *topologyError) Unwrap() error { return e.err }

// answer is the reply code in an error, 0 when the broker has not given one.
func answer(err error) int {
	var e *amqp.Error
	if errors.As(err, &e) && e.Server {
		return e.Code
	}
	return 0
}
