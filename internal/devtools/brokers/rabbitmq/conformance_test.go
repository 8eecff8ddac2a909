package rabbitmq_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

// The rules that each way of dispatch keeps.
func TestConformance(t *testing.T) {
	t.Parallel()
	node := rabbitmqd.Start(t)
	brokertest.Run(t, brokertest.Backend{Connect: func(tb testing.TB, s brokertest.Site) mail.Broker {
		tb.Helper()
		b, err := rabbitmq.New(rabbitmq.Options{
			Addresses: []string{node.AMQP}, User: rabbitmqd.Guest, Password: rabbitmqd.Guest, Prefix: s.Prefix, Installation: s.Installation,
			Logger: quiet(), Metrics: prometheus.NewRegistry(), Roles: []rabbitmq.Role{rabbitmq.Announcer, rabbitmq.Consumer},
		})
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}})
}
