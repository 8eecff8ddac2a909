package kafka

import (
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

type metrics struct {
	connections     *prometheus.GaugeVec
	lag             *prometheus.GaugeVec
	foreign, poison prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, roles []mail.BrokerRole) *metrics {
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_broker_connected", Help: "1 while the broker answers to this process in this role.",
		}, []string{"role"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_broker_lag", Help: "Announcements that lie at the broker and are not acknowledged, of all consumers.",
		}, []string{"lane"}),
		foreign: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sespan_mail_foreign_total", Help: "Announcements of another installation that came to this one, and went to the dead letters.",
		}),
		poison: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sespan_mail_poison_total", Help: "Messages that were no announcements, and went to the dead letters.",
		}),
	}
	for _, role := range roles {
		m.connections.WithLabelValues(string(role))
	}
	for l := range mail.Lane(mail.Lanes) {
		m.lag.WithLabelValues(l.String())
	}
	reg.MustRegister(m.connections, m.lag, m.foreign, m.poison)
	return m
}

func (m *metrics) connected(role mail.BrokerRole, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.connections.WithLabelValues(string(role)).Set(value)
}
