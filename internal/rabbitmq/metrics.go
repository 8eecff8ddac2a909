package rabbitmq

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

// Role is what a process does with the broker.
type Role string

// The closed list of roles, and of the label role. Dead letters have a connection of their own, of which there is no series.
const (
	Announcer   Role = "announcer"
	Consumer    Role = "consumer"
	deadLetters Role = "dead letters"
	checker     Role = "check"
)

type metrics struct {
	foreign, poison prometheus.Counter
	lag             *prometheus.GaugeVec
	up              *prometheus.GaugeVec

	mu    sync.Mutex
	stand map[Role]int // connections of each role
}

func newMetrics(reg prometheus.Registerer, roles []Role) *metrics {
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
		stand: map[Role]int{},
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
func (m *metrics) connected(role Role, yes bool) {
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
