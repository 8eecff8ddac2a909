package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/config"
	"sespan/internal/kafka"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

// BrokerOptions of a broker's client.
type BrokerOptions struct {
	Settings     config.Broker // with a Kind
	Prefix       string        // the schema's
	Installation uuid.UUID
	Parts        []string // of this process: announce, mail; none for one that only looks
	Logger       *slog.Logger
	Metrics      prometheus.Registerer // nil: of one that only looks
}

// Broker makes the client of the broker that the settings name. It connects when it is used.
func Broker(o BrokerOptions) (mail.Broker, error) {
	s := o.Settings
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	var roles []mail.BrokerRole
	if slices.Contains(o.Parts, "announce") {
		roles = append(roles, mail.BrokerAnnouncer)
	}
	if slices.Contains(o.Parts, "mail") {
		roles = append(roles, mail.BrokerConsumer)
	}
	switch s.Kind {
	case config.Kafka:
		return kafka.New(kafka.Options{
			Addresses: s.Addresses, SASL: s.SASL, User: s.User, Password: s.Password, TLS: s.TLS,
			Prefix: o.Prefix, Installation: o.Installation,
			Partitions: s.Kafka.Partitions, Replication: s.Kafka.Replication, Retention: s.Kafka.Retention,
			Logger: o.Logger, Metrics: o.Metrics, Roles: roles,
		})
	case config.AMQP:
		return rabbitmq.New(rabbitmq.Options{
			Addresses: s.Addresses, User: s.User, Password: s.Password, VHost: s.VHost, TLS: s.TLS,
			Prefix: o.Prefix, Installation: o.Installation, Logger: o.Logger, Metrics: o.Metrics, Roles: roles,
		})
	}
	return nil, fmt.Errorf("app: no adapter carries announcements by %q", s.Kind)
}

// brokerIdentity waits for the database, which may start after its clients: without the
// schema nobody knows whose announcements are to be taken.
func (a *App) brokerIdentity(ctx context.Context, wantedPrefix string) (uuid.UUID, string, error) {
	for failures := 0; ; failures++ {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		installation, prefix, err := a.pool.BrokerIdentity(asking, wantedPrefix)
		cancel()
		if err == nil || ctx.Err() != nil {
			return installation, prefix, err
		}
		if failures%30 == 0 {
			a.logger.WarnContext(ctx, "the start waits for the database, which knows this installation's names at the broker", "error", err)
		}
		select {
		case <-ctx.Done():
			return installation, prefix, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// brokerStart is how long the start waits for the broker's answer.
const brokerStart = 5 * time.Second

// tryBroker ends the start where waiting mends nothing: the settings are not what the broker
// has. A broker that is away keeps nothing from starting: mails go by the fallback meanwhile.
func (a *App) tryBroker(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, brokerStart)
	defer cancel()
	err := a.broker.Check(ctx)
	if errors.Is(err, mail.ErrBrokerSettings) {
		return err
	}
	if err != nil {
		a.logger.WarnContext(ctx, "the broker does not answer yet", "error", err, "fallback", a.cfg.Broker.Fallback)
	}
	return nil
}

// startBroker makes the client that the announcer and the consumer of this process share.
func (a *App) startBroker(ctx context.Context) error {
	settings := a.cfg.Broker
	if settings.Kind == "" || !a.cfg.Runs("mail") && !a.cfg.Runs("announce") {
		return nil
	}
	installation, prefix, err := a.brokerIdentity(ctx, settings.Prefix)
	if err != nil {
		return err
	}
	a.installation = installation
	if settings.Prefix != "" && settings.Prefix != prefix {
		return &config.Error{
			Variable: "SESPAN_BROKER_PREFIX", Problem: "is " + settings.Prefix + ", while this schema's names at the broker begin with " + prefix,
			Hint: "set it to " + prefix + " or leave it out; a restored copy of another site gets names of its own by sespan migrate new-installation",
		}
	}
	a.broker, err = Broker(BrokerOptions{
		Settings: settings, Prefix: prefix, Installation: installation, Parts: a.cfg.Parts, Logger: a.logger, Metrics: a.registry,
	})
	if err != nil {
		return err
	}
	a.check("broker", false, a.broker.Check)
	a.lifecycle.onStop("broker", func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := a.broker.Close(ending); err != nil {
			a.logger.Warn("broker: connections were cut", "error", err)
		}
	})
	return a.tryBroker(ctx)
}
