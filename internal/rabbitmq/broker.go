package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

// Options of a Broker. All but TLS, VHost and Roles are required.
type Options struct {
	Addresses      []string // host:port
	User, Password string
	VHost          string      // [/]
	TLS            *tls.Config // nil: none is spoken
	Prefix         string      // before the name of everything at the broker
	Installation   uuid.UUID   // whose announcements are ours
	Logger         *slog.Logger
	Metrics        prometheus.Registerer
	Roles          []mail.BrokerRole // of this process: each has its series from the start
}

// Broker is RabbitMQ as mails see it. It connects when it is first used.
type Broker struct {
	o           Options
	names       topology
	log         *slog.Logger
	metrics     *metrics
	address     atomic.Int32 // the place of that in use
	announcer   *publisher
	deadLetters *publisher
	lagAt       atomic.Int64 // when the lag was last asked for, in nanoseconds
	foreignAt   atomic.Int64 // when a message of another installation last came, in nanoseconds

	stop   context.Context //nolint:containedctx // its end ends all connections
	cancel context.CancelFunc
	mu     sync.Mutex // guards what follows
	closed bool
	work   sync.WaitGroup
	reads  map[*consumption]struct{}
}

var (
	_               mail.Broker = (*Broker)(nil)
	errConnecting               = errors.New("rabbitmq: connecting")
	errNoConnection             = errors.New("rabbitmq: the connection that the delivery came by is gone; it comes again")
)

// New reads the options; it connects later.
func New(o Options) (*Broker, error) {
	switch {
	case len(o.Addresses) == 0:
		return nil, errors.New("rabbitmq: no address")
	case o.Prefix == "":
		return nil, errors.New("rabbitmq: no prefix")
	case o.Installation == uuid.Nil:
		return nil, errors.New("rabbitmq: no installation")
	}
	if o.VHost == "" {
		o.VHost = "/"
	}
	b := &Broker{
		o: o, names: newTopology(o.Prefix), log: o.Logger.With("component", "rabbitmq"), metrics: newMetrics(o.Metrics, o.Roles),
		reads: map[*consumption]struct{}{},
	}
	b.announcer, b.deadLetters = newPublisher(b, mail.BrokerAnnouncer), newPublisher(b, deadLetters)
	b.stop, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Publish implements mail.Broker.
func (b *Broker) Publish(ctx context.Context, batch []mail.Announcement) []error {
	messages := make([]message, len(batch))
	for i, a := range batch {
		messages[i] = message{key: a.Lane.String(), contentType: mail.AnnouncementContentType, body: a.Encode()}
	}
	return b.announcer.publish(ctx, b.names.exchange, messages)
}

// foreignFor is how long Check tells of messages of another installation.
const foreignFor = 10 * time.Minute

// Check implements mail.Broker. Connections that are in use speak for themselves; where there is none, one is made.
func (b *Broker) Check(ctx context.Context) error {
	used, err := b.announcer.state()
	b.mu.Lock()
	for c := range b.reads {
		used, err = true, errors.Join(err, c.state())
	}
	b.mu.Unlock()
	if !used {
		s, dialed := b.dial(ctx, checker)
		if err = dialed; err == nil {
			s.close()
		}
	}
	if at := b.foreignAt.Load(); err == nil && at != 0 && time.Since(time.Unix(0, at)) < foreignFor {
		return fmt.Errorf("rabbitmq: another installation announces its mails under the prefix %s too; give one of the two a "+
			"SESPAN_BROKER_PREFIX of its own (what came is in the queue %s)", b.o.Prefix, b.names.dead)
	}
	return err
}

// goKeep keeps a connection in the background; false when the broker is closed.
func (b *Broker) goKeep(role mail.BrokerRole, once func(context.Context) (bool, error), failed func(error)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.work.Go(func() { keep(b.stop, b.log.With("role", string(role)), once, failed) })
	return true
}

// Close implements mail.Broker.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	done := make(chan struct{})
	go func() {
		b.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rabbitmq: connections are still being closed: %w", ctx.Err())
	}
}
