package apilog

import "github.com/prometheus/client_golang/prometheus"

// The closed list of events.
const (
	eventWritten     = "written"      // committed (before or after its answer)
	eventLate        = "late"         // its answer went out before the commit; written or lost follows
	eventLost        = "lost"         // given up, the database was unavailable too long
	eventRefused     = "refused"      // refused by the database; stored without headers and bodies
	eventSampled     = "sampled"      // not stored: beyond the sampling rate
	eventSpooled     = "spooled"      // given to the fallback
	eventSpoolFailed = "spool_failed" // and refused there
)

type metrics struct{ events *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_apilog_events_total", Help: "Rows of the API log, by what became of them.",
	}, []string{"event"})}
	reg.MustRegister(m.events)
	for _, e := range []string{eventWritten, eventLate, eventLost, eventRefused, eventSampled, eventSpooled, eventSpoolFailed} {
		m.events.WithLabelValues(e) // a series that starts at 0 lets rate() see the first event
	}
	return m
}

func (m *metrics) count(event string, n int) { m.events.WithLabelValues(event).Add(float64(n)) }
