package app

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// A mail that can never be sent is dead, with its reason in mail_dead, and raises the
// metric that the alert watches: also of a worker that starts only later. Once a
// person has seen to it the metric falls.
func TestDeadMailRaisesTheAlertsMetric(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	relay := startMailServer(t, smtptest.Options{Fault: func(at smtptest.Turn) smtptest.Fault {
		if at.Phase == smtptest.RCPT {
			return "550 5.1.1 no such user"
		}
		return smtptest.None
	}})
	enqueueTo(t, db, "retry", "nobody@b.co")
	deliverTo(t, db, nil, relay)
	deadline(t, db, "SELECT count(*) = 1 FROM sespan.mail_dead WHERE recipient = 'nobody@b.co' AND reason = 'rcpt_to' AND code = 550 AND reply LIKE '%no such user%'")

	reg := prometheus.NewRegistry()
	deliverTo(t, db, func(c *mail.WorkerConfig) { c.Metrics, c.DepthInterval = reg, impatience/8 }, relay)
	becomesDead(t, reg, 1)
	db.Exec(t, "SELECT sespan.mail_cancel(ARRAY(SELECT message_id FROM sespan.mail_dead), 'anna')")
	becomesDead(t, reg, 0)
}

// becomesDead looks until sespan_mail_queue{state="dead"} is n.
func becomesDead(t *testing.T, reg prometheus.Gatherer, n float64) {
	t.Helper()
	late := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if v, known := deadGauge(t, reg); known && v == n {
			return
		}
		select {
		case <-late:
			t.Fatalf("the gauge of dead mails does not become %v", n)
		case <-tick.C:
		}
	}
}

func deadGauge(t *testing.T, reg prometheus.Gatherer) (v float64, known bool) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sespan_mail_queue" && m.GetLabel()[0].GetValue() == "dead" {
				return m.GetGauge().GetValue(), true
			}
		}
	}
	return 0, false
}
