package mail

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The closed list of the label event.
const (
	eventSent       = "sent"
	eventRetry      = "retry"
	eventDead       = "dead"
	eventUnknown    = "unknown"
	eventExpired    = "expired"
	eventSuppressed = "suppressed" // the recipient is not to be written to
	eventParked     = "parked"     // put aside for a pause
	eventReleased   = "released"   // claimed, given back unsent
	eventReclaimed  = "reclaimed"  // taken back from a worker that vanished
	eventLapsed     = "lapsed"     // the lease ran out before the sending began
	eventFenced     = "fenced"     // a result came after the lease was lost
)

type metrics struct {
	events        *prometheus.CounterVec
	failures      *prometheus.CounterVec
	queue         *prometheus.GaugeVec
	oldest        prometheus.Gauge
	delivery      prometheus.Histogram
	commitToClaim prometheus.Histogram
	trigger       prometheus.Gauge
	lost          atomic.Int64
}

func newMetrics(reg prometheus.Registerer, reasons []string) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_events_total", Help: "What happened to queued mails, per envelope recipient.",
		}, []string{"event"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_failures_total", Help: "Failed tries by reason.",
		}, []string{"reason"}),
		queue: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sespan_mail_queue", Help: "Rows of the queue by state.",
		}, []string{"state"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_mail_oldest_ready_seconds", Help: "Age of the oldest mail that could be sent now.",
		}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sespan_mail_delivery_seconds", Help: "From enqueuing (or send_at) to the server's acceptance.",
			Buckets:                         []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		commitToClaim: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sespan_mail_commit_to_claim_seconds", Help: "From the enqueuing of a mail that may go at once to its first claim.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200},
		}),
		trigger: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_trigger_enabled", Help: "1 when inserts into the mail queue can notify, 0 when the trigger is gone or disabled.",
		}),
	}
	for _, e := range []string{
		eventSent, eventRetry, eventDead, eventUnknown, eventExpired, eventSuppressed, eventParked, eventReleased, eventReclaimed, eventLapsed, eventFenced,
	} {
		m.events.WithLabelValues(e)
	}
	for _, r := range append(reasons, reasonContent, reasonSealed, reasonLapsed, reasonPanic, reasonSigning, reasonOther) {
		m.failures.WithLabelValues(r)
	}
	lost := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sespan_mail_lost_total", Help: "Mails to the site's admins that could not be queued, the same in every process.",
	}, func() float64 { return float64(m.lost.Load()) })
	reg.MustRegister(m.events, m.failures, m.queue, m.oldest, m.delivery, m.commitToClaim, m.trigger, lost)
	return m
}

func (m *metrics) depth(d Depth) {
	for _, s := range []State{StateQueued, StateScheduled, StateSending, StateRetry, StateUnknown, StateDead} {
		m.queue.WithLabelValues(string(s)).Set(float64(d.Rows[s]))
	}
	m.oldest.Set(d.OldestReady.Seconds())
	m.lost.Store(d.Lost)
	m.trigger.Set(0)
	if d.TriggerEnabled {
		m.trigger.Set(1)
	}
}
