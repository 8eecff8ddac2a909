package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/kafkad"
	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/devtools/testbed"
	"sespan/internal/kafka"
	"sespan/internal/mail"
	"sespan/internal/postgres"
	"sespan/internal/rabbitmq"
)

const (
	workerPool    = 6 // connections of a worker to PostgreSQL, as serve has them with a broker
	announcerPool = 5
)

// simulation runs workers and announcers in this process against a real PostgreSQL, and
// real brokers. Their mail server is virtual: any number of connections, a settable
// latency, no work. So what stops them is PostgreSQL or they themselves.
//
//	fill, enqueuers ─▶ PostgreSQL ◀─ claim, settle ─ worker 1…n ─▶ virtualRelay, m connections each
//	                       ▲                             ▲
//	                       └─ mark ─ announcer ─▶ broker ┘
type simulation struct {
	*mailBench
	relay        *virtualRelay
	memory       *brokertest.Memory
	installation uuid.UUID
	ctx          context.Context //nolint:containedctx // of what runs, until stop
	cancel       context.CancelFunc
	running      sync.WaitGroup
	pools        []*postgres.Pool
	clients      []mail.Broker
}

// dispatch is a way that is simulated.
type dispatch struct {
	name   string
	kind   string // of mail_worker
	broker func(s *simulation) (mail.Broker, error)
}

// dispatches gives them; the broker in memory costs nothing and shows the mechanism alone.
func (b *mailBench) dispatches() []dispatch {
	return []dispatch{
		{"PostgreSQL alone", "postgres", nil},
		{"announced, a broker in memory", "amqp", func(s *simulation) (mail.Broker, error) { return s.memory.Client(), nil }},
		{"RabbitMQ", "amqp", func(s *simulation) (mail.Broker, error) {
			return rabbitmq.New(rabbitmq.Options{
				Addresses: []string{b.brokers.rabbitMQ.AMQP}, User: rabbitmqd.Guest, Password: rabbitmqd.Guest, Prefix: b.prefix, Installation: s.installation,
				Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
			})
		}},
		{"Kafka", "kafka", func(s *simulation) (mail.Broker, error) {
			return kafka.New(kafka.Options{
				Addresses: b.brokers.kafka.Addresses(kafkad.Plain), Prefix: b.prefix, Installation: s.installation,
				Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
			})
		}},
	}
}

// simulate starts an announcer where there is a broker, and workers with so many
// connections each.
func (b *mailBench) simulate(ctx context.Context, d dispatch, workers, connections int, latency time.Duration) (s *simulation, err error) {
	s = &simulation{mailBench: b, relay: &virtualRelay{latency: latency}, memory: brokertest.NewMemory()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			s.stop(ctx)
		}
	}()
	admin, err := b.Pool(ctx, 1)
	if err != nil {
		return s, err
	}
	defer admin.Close()
	if s.installation, _, err = admin.BrokerIdentity(ctx, b.prefix); err != nil {
		return s, err
	}
	if d.broker != nil {
		if err := s.announcer(d); err != nil {
			return s, err
		}
	}
	for range workers {
		if err := s.worker(d, connections); err != nil {
			return s, err
		}
	}
	return s, nil
}

// stop ends all that runs.
func (s *simulation) stop(ctx context.Context) {
	s.cancel()
	s.running.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, c := range s.clients {
		_ = c.Close(ending) // the run is over
	}
	for _, p := range s.pools {
		p.Close()
	}
}

// client is what one process has: a pool, a listener, a broker's client.
type client struct {
	store    *postgres.Mail
	listener *postgres.Listener
	broker   mail.Broker
}

func (s *simulation) connect(d dispatch, connections int32, name string) (c client, err error) {
	pool, err := postgres.Open(s.ctx, postgres.Options{URL: s.LoginURL(), MaxConns: connections, GenericPlans: true, ApplicationName: name})
	if err != nil {
		return c, err
	}
	s.pools = append(s.pools, pool)
	c.store = postgres.NewMail(pool)
	c.listener, err = postgres.NewListener(postgres.ListenerOptions{
		URL: s.LoginURL(), Channels: []string{postgres.MailChannel}, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Pool: pool,
	})
	if err != nil {
		return c, err
	}
	s.running.Go(func() { c.listener.Run(s.ctx) })
	if d.broker == nil {
		return c, nil
	}
	if c.broker, err = d.broker(s); err != nil {
		return c, err
	}
	s.clients = append(s.clients, c.broker)
	return c, nil
}

func (s *simulation) announcer(d dispatch) error {
	c, err := s.connect(d, announcerPool, "sespan announce")
	if err != nil {
		return err
	}
	a, err := mail.NewAnnouncer(mail.AnnouncerConfig{
		Store: c.store, Broker: c.broker, Dispatch: d.kind, Installation: s.installation, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Notifications: c.listener.Signal(postgres.MailChannel), Listening: c.listener.Connected,
	})
	if err != nil {
		return err
	}
	s.running.Go(func() { a.Run(s.ctx) })
	return nil
}

func (s *simulation) worker(d dispatch, connections int) error {
	c, err := s.connect(d, workerPool, "sespan mail")
	if err != nil {
		return err
	}
	config := mail.WorkerConfig{
		Store: c.store, Sender: s.relay, From: testbed.MailFrom, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Connections: connections,
		Notifications: c.listener.Signal(postgres.MailChannel), Listening: c.listener.Connected, Dispatch: d.kind,
	}
	if c.broker != nil {
		config.Broker, config.Announced, config.Fallback = c.broker, c.store, true
	}
	w, err := mail.NewWorker(config)
	if err != nil {
		return err
	}
	s.running.Go(func() { w.Run(s.ctx) })
	return nil
}

// until waits for so many mails at the virtual relay.
func (s *simulation) until(sent int64, within time.Duration) error {
	deadline := time.Now().Add(within)
	for s.relay.sent.Load() < sent {
		if time.Now().After(deadline) || s.ctx.Err() != nil {
			return fmt.Errorf("%d of %d mails within %s", s.relay.sent.Load(), sent, within)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
