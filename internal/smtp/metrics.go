package smtp

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

// The closed list of the label result.
const (
	resultSent    = "sent"
	resultRefused = "refused" // 5xx: no try will help
	resultLater   = "later"   // 4xx and the like
	resultUnknown = "unknown" // the answer was lost
	resultFailed  = "failed"  // the relay itself
)

// label of a relay is its place in the configuration: host names are no closed list.
func label(i int) string { return strconv.Itoa(i + 1) }

func resultOf(e *mail.SendError) string {
	switch {
	case healthOf(e) == down:
		return resultFailed
	case e.Verdict == mail.Dead:
		return resultRefused
	case e.Verdict == mail.Unknown:
		return resultUnknown
	}
	return resultLater
}

// relayMetrics are the tries, and the state of each relay when it is asked for.
type relayMetrics struct {
	tries  *prometheus.CounterVec
	relays []*guardedRelay

	open, connections, limits *prometheus.Desc
}

func newRelayMetrics(reg prometheus.Registerer, relays []*guardedRelay) *relayMetrics {
	m := &relayMetrics{
		relays: relays,
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_relay_tries_total", Help: "Mails offered to each relay (1 is the preferred one) by its answer.",
		}, []string{"relay", "result"}),
		open: prometheus.NewDesc("sespan_mail_relay_open",
			"1 while the relay is given no mails because it fails, 0 otherwise.", []string{"relay"}, nil),
		connections: prometheus.NewDesc("sespan_mail_relay_connections",
			"Connections to the relay, in use or kept.", []string{"relay"}, nil),
		limits: prometheus.NewDesc("sespan_mail_relay_limit",
			"Limits learned from the relay: connections at once, messages per connection; 0 for none.", []string{"relay", "limit"}, nil),
	}
	for _, relay := range relays {
		for _, result := range []string{resultSent, resultRefused, resultLater, resultUnknown, resultFailed} {
			m.tries.WithLabelValues(relay.label, result)
		}
	}
	reg.MustRegister(m.tries, m)
	return m
}

// Describe implements prometheus.Collector.
func (m *relayMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.open
	ch <- m.connections
	ch <- m.limits
}

// Collect implements prometheus.Collector.
func (m *relayMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for _, relay := range m.relays {
		shut := 0
		if state, _ := relay.breaker.current(); state != closed {
			shut = 1
		}
		connections, limit := relay.pool.count()
		gauge(m.open, shut, relay.label)
		gauge(m.connections, connections, relay.label)
		gauge(m.limits, limit, relay.label, "connections")
		gauge(m.limits, relay.connLimit.current(relay.cfg.Now()), relay.label, "messages")
	}
}
