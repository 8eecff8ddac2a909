package rabbitmq_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

func backend(t *testing.T) brokertest.Backend {
	t.Helper()
	ways := proxies{tb: t, to: rabbitmqd.Start(t).AMQP, ways: map[string]*proxy{}}
	return brokertest.Backend{
		Connect: func(tb testing.TB, s brokertest.Site) mail.Broker {
			tb.Helper()
			b, err := rabbitmq.New(rabbitmq.Options{
				Addresses: []string{ways.of(s.Prefix).address}, User: rabbitmqd.Guest, Password: rabbitmqd.Guest,
				Prefix: s.Prefix, Installation: s.Installation,
				Logger: quiet(), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
			})
			if err != nil {
				tb.Fatal(err)
			}
			return b
		},
		Cut: func(_ testing.TB, s brokertest.Site) func() {
			ways.of(s.Prefix).cut(true)
			return func() { ways.of(s.Prefix).cut(false) }
		},
	}
}

// The rules that each way of dispatch keeps.
func TestConformance(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, backend(t))
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	here := backend(t)
	for name, way := range map[string][2]brokertest.Backend{"from PostgreSQL": {{}, here}, "to PostgreSQL": {here, {}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brokertest.Switch(t, way[0], way[1])
		})
	}
}
