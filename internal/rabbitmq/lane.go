package rabbitmq

import (
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// lane is a channel that consumes one queue.
type lane struct {
	queue      string
	ch         *amqp.Channel
	consumer   string               // its name at the broker
	deliveries <-chan amqp.Delivery // nil: it is cancelled
	room       int                  // most unacknowledged ones of that consumer

	mu   sync.Mutex
	open []uint64 // delivery tags that wait for their acknowledgement, ascending
}

// tag of a delivery is what it takes to acknowledge it.
type tag struct {
	lane   *lane
	number uint64
}

func (l *lane) came(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, number)
}

// ack acknowledges deliveries of the channel.
func (l *lane) ack(numbers []uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ch.IsClosed() {
		return errNoConnection
	}
	upTo, single, rest := split(l.open, numbers)
	l.open = rest
	if upTo != 0 {
		if err := l.ch.Ack(upTo, true); err != nil {
			return err
		}
	}
	for _, number := range single {
		if err := l.ch.Ack(number, false); err != nil {
			return err
		}
	}
	return nil
}

// split divides numbers into those that one acknowledgement takes, because they are the oldest of the open ones (all up to
// upTo, 0 for none), and single ones. What is not open is left out: acknowledging it again would end the channel.
func split(open, numbers []uint64) (upTo uint64, single, rest []uint64) {
	wanted := make(map[uint64]bool, len(numbers))
	for _, number := range numbers {
		wanted[number] = true
	}
	prefix := true
	rest = open[:0]
	for _, number := range open {
		switch {
		case !wanted[number]:
			prefix = false
			rest = append(rest, number)
		case prefix:
			upTo = number
		default:
			single = append(single, number)
		}
	}
	return upTo, single, rest
}
