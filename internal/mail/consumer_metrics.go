package mail

import "github.com/prometheus/client_golang/prometheus"

// The closed list of the label result: what became of a delivery.
const (
	deliveryClaimed = "claimed"
	deliveryStale   = "stale"   // its row was finished, leased elsewhere, parked or not due
	deliveryHeld    = "held"    // it had to wait for room
	deliveryCleared = "cleared" // it waited too long: the row is announced again
)

// consumerMetrics are those of a worker that consumes from a broker. Whether it is connected, and what lies there, the
// adapter tells.
type consumerMetrics struct {
	deliveries *prometheus.CounterVec
	fallbacks  *prometheus.GaugeVec
}

func newConsumerMetrics(reg prometheus.Registerer) *consumerMetrics {
	m := &consumerMetrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_deliveries_total", Help: "Announcements that came from the broker, by what became of them.",
		}, []string{"lane", "result"}),
		fallbacks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_fallback", Help: "1 while this process claims from the database too, because rows of the lane wait that the broker does not bring.",
		}, []string{"lane"}),
	}
	for lane := range Lane(Lanes) {
		for _, result := range []string{deliveryClaimed, deliveryStale, deliveryHeld, deliveryCleared} {
			m.deliveries.WithLabelValues(lane.String(), result)
		}
	}
	m.fallback(Fallback{})
	reg.MustRegister(m.deliveries, m.fallbacks)
	return m
}

func (m *consumerMetrics) count(lane Lane, result string, n int) {
	m.deliveries.WithLabelValues(lane.String(), result).Add(float64(n))
}

func (m *consumerMetrics) fallback(f Fallback) {
	m.fallbacks.WithLabelValues("urgent").Set(number(f.Urgent))
	m.fallbacks.WithLabelValues("others").Set(number(f.Others))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
