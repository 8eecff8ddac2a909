package rabbitmq

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

// The roles that no series tells of: dead letters have a connection of their own.
const (
	deadLetters mail.BrokerRole = "dead letters"
	checker     mail.BrokerRole = "check"
)

type metrics struct {
	foreign, poison prometheus.Counter
	lag             *prometheus.GaugeVec
	up              *prometheus.GaugeVec

	mu    sync.Mutex
	stand map[mail.BrokerRole]int // connections of each role
}

func newMetrics(reg prometheus.Registerer, roles []mail.BrokerRole) *metrics {
	m := &metrics{
		foreign: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sespan_mail_foreign_total", Help: "Announcements of another installation that came to this one, and went to the dead letters.",
		}),
		poison: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sespan_mail_poison_total", Help: "Messages that were no announcements, and went to the dead letters.",
		}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_broker_lag", Help: "Announcements that lie at the broker and are not acknowledged, of all consumers.",
		}, []string{"lane"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_broker_connected", Help: "1 while the broker answers to this process in this role.",
		}, []string{"role"}),
		stand: map[mail.BrokerRole]int{},
	}
	for lane := range mail.Lane(mail.Lanes) {
		m.lag.WithLabelValues(lane.String())
	}
	for _, role := range roles {
		m.up.WithLabelValues(string(role))
	}
	reg.MustRegister(m.foreign, m.poison, m.lag, m.up)
	return m
}

// connected counts a connection of a role, and its end.
func (m *metrics) connected(role mail.BrokerRole, yes bool) {
	if role == deadLetters {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stand[role]--; yes {
		m.stand[role] += 2
	}
	m.up.WithLabelValues(string(role)).Set(float64(min(m.stand[role], 1)))
}
