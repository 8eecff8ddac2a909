package otp

import "github.com/prometheus/client_golang/prometheus"

// event is a label of sespan_otp_events_total.
type event string

// The closed list of events.
const (
	eventIssued            event = "issued"   // a challenge with its first code
	eventResent            event = "resent"   // a further code of a challenge
	eventRepeated          event = "repeated" // asked again too early, or to resume: the same challenge, no mail
	eventDecoy             event = "decoy"    // a code that nobody is sent
	eventNotified          event = "notified" // a decoy whose address was told that it has an account
	eventAmbiguous         event = "ambiguous"
	eventTooSoon           event = "too_soon"
	eventVerified          event = "verified"
	eventActivated         event = "activated"
	eventIncorrect         event = "incorrect"
	eventExpired           event = "expired"
	eventUsed              event = "used"
	eventLocked            event = "locked"  // a challenge lost its last guess
	eventRefusedGuess      event = "limited" // a guess that was not compared: no guess left
	eventSuperseded        event = "superseded"
	eventActivationRefused event = "activation_refused"
)

type metrics struct {
	events *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_otp_events_total", Help: "What happened to one-time codes.",
	}, []string{"purpose", "event"})}
	reg.MustRegister(m.events)
	return m
}

func (m *metrics) count(p Purpose, events ...event) {
	for _, e := range events {
		m.events.WithLabelValues(string(p), string(e)).Inc()
	}
}
