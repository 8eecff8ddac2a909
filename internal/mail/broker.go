package mail

import (
	"context"
	"errors"
	"time"
)

// Broker carries announcements from announcers to consumers: RabbitMQ or Apache Kafka.
// It may lose them, repeat them, bring them late and in another order: the rows are in
// PostgreSQL, and there they are announced again.
type Broker interface {
	// Publish sends announcements and waits until the broker has confirmed each, refused
	// it, or ctx has ended. The answer has one element for each: nil, or why it was not
	// taken (ErrReturned, ErrRefused, ctx's error or that of the connection). It
	// connects by itself.
	Publish(ctx context.Context, batch []Announcement) []error
	// Consume begins to receive. It connects by itself, now and after every failure, until
	// the Consumption is closed.
	Consume(ctx context.Context, o ConsumeOptions) Consumption
	// Check tells whether the broker is there, with rights and topology, for readyz and
	// doctor.
	Check(ctx context.Context) error
	// Close ends all connections, within ctx.
	Close(ctx context.Context) error
}

// BrokerRole is what a process does at a broker.
type BrokerRole string

// The closed list of roles, as metrics and names of connections say them.
const (
	BrokerAnnouncer BrokerRole = "announcer"
	BrokerConsumer  BrokerRole = "consumer"
)

// ConsumeOptions of a consumer.
type ConsumeOptions struct {
	Prefetch int // most unacknowledged deliveries of each lane, at any time
	Room     int // of these, so many at first [Prefetch]
}

// Consumption is one consumer's stream of deliveries.
type Consumption interface {
	// Deliveries brings what the broker gives to this consumer; it is never closed. What
	// cannot be read and what belongs to another installation never comes: it goes to
	// the dead-letter queue and is counted.
	Deliveries() <-chan Delivery
	// Ack acknowledges deliveries. An error means that they may come again, no more.
	Ack(ctx context.Context, deliveries []Delivery) error
	// SetRoom says how many deliveries of each lane the consumer can have at once, Prefetch
	// at most. Of a lane without room nothing more is delivered: a RabbitMQ consumer is
	// cancelled, a Kafka consumer stops fetching and, where no lane has room for 3 s, leaves
	// its group, so that others get its partitions. What is delivered already stays with
	// the consumer. It is called on a change only, and never blocks.
	SetRoom(room [Lanes]int)
	// Connected tells whether deliveries can come.
	Connected() bool
	// Close stops; what is not acknowledged goes to other consumers.
	Close(ctx context.Context) error
}

// Delivery is an announcement that waits for its acknowledgement.
type Delivery struct {
	Announcement
	Received time.Time
	Tag      any // the adapter's own: what Ack needs
}

// Why an announcement was not taken.
var (
	// ErrReturned: the broker has no queue for it.
	ErrReturned = errors.New("mail: the broker returned the announcement, it has no queue for it")
	// ErrRefused: the broker is there and does not take it: no memory, no disk, too few
	// replicas in sync.
	ErrRefused = errors.New("mail: the broker refused the announcement")
)

// ErrBrokerSettings is in an error of Check that no waiting mends: what the settings say is not what the broker has. Its
// text is a line that names the setting and says what to do.
var ErrBrokerSettings = errors.New("mail: the settings of the broker are wrong")
