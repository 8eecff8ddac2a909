package mail

import "github.com/prometheus/client_golang/prometheus"

// The closed list of the label result of announcements.
const (
	resultConfirmed = "confirmed"
	resultReturned  = "returned" // the broker has no queue for it
	resultRefused   = "refused"  // it is there and takes nothing
	resultTimeout   = "timeout"  // no answer in time
	resultFailed    = "failed"   // no connection
)

type announcerMetrics struct {
	announced *prometheus.CounterVec
	results   *prometheus.CounterVec
	unclaimed *prometheus.GaugeVec
	confirmed prometheus.Gauge
}

func newAnnouncerMetrics(reg prometheus.Registerer) *announcerMetrics {
	m := &announcerMetrics{
		announced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_announced_total", Help: "Mails that this announcer marked and gave to the broker; one that is announced again counts again.",
		}, []string{"lane"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_announce_results_total", Help: "What the broker made of announcements.",
		}, []string{"lane", "result"}),
		unclaimed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_unclaimed", Help: "Mails that are announced and not claimed, at the last look.",
		}, []string{"lane"}),
		confirmed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_mail_announcer_confirmed_timestamp_seconds", Help: "When the broker last confirmed an announcement to this announcer, 0 for never.",
		}),
	}
	for lane := range Lane(Lanes) {
		m.announced.WithLabelValues(lane.String())
		m.unclaimed.WithLabelValues(lane.String())
		for _, r := range []string{resultConfirmed, resultReturned, resultRefused, resultTimeout, resultFailed} {
			m.results.WithLabelValues(lane.String(), r)
		}
	}
	reg.MustRegister(m.announced, m.results, m.unclaimed, m.confirmed)
	return m
}
