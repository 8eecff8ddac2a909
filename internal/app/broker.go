package app

import (
	"fmt"
	"log/slog"
	"slices"

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
	switch s.Kind {
	case config.Kafka:
		var roles []kafka.Role
		if slices.Contains(o.Parts, "announce") {
			roles = append(roles, kafka.Announcer)
		}
		if slices.Contains(o.Parts, "mail") {
			roles = append(roles, kafka.Consumer)
		}
		return kafka.New(kafka.Options{
			Addresses: s.Addresses, SASL: s.SASL, User: s.User, Password: s.Password, TLS: s.TLS,
			Prefix: o.Prefix, Installation: o.Installation,
			Partitions: s.Kafka.Partitions, Replication: s.Kafka.Replication, Retention: s.Kafka.Retention,
			Logger: o.Logger, Metrics: o.Metrics, Roles: roles,
		})
	case config.AMQP:
		var roles []rabbitmq.Role
		if slices.Contains(o.Parts, "announce") {
			roles = append(roles, rabbitmq.Announcer)
		}
		if slices.Contains(o.Parts, "mail") {
			roles = append(roles, rabbitmq.Consumer)
		}
		return rabbitmq.New(rabbitmq.Options{
			Addresses: s.Addresses, User: s.User, Password: s.Password, VHost: s.VHost, TLS: s.TLS,
			Prefix: o.Prefix, Installation: o.Installation, Logger: o.Logger, Metrics: o.Metrics, Roles: roles,
		})
	}
	return nil, fmt.Errorf("app: no adapter carries announcements by %q", s.Kind)
}
