package app

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// A doorbell that is switched off is told by the worker and shown; mails go out all the same.
func TestDisabledDoorbellIsToldShownAndOver(t *testing.T) {
	t.Parallel()
	db, relay := pgtest.NewDB(t), startMailServer(t, smtptest.Options{})
	reg, log := prometheus.NewRegistry(), &serveLog{ready: make(chan struct{})}
	deliverTo(t, db, func(c *mail.WorkerConfig) {
		c.Metrics, c.DepthInterval, c.Logger = reg, impatience/8, slog.New(slog.NewTextHandler(log, nil))
	}, relay)
	enabled := func(want float64) func() bool {
		return func() bool { return triggerGauge(t, reg) == want }
	}
	says := func(text string) func() bool { return func() bool { return strings.Contains(log.String(), text) } }
	until(t, "the trigger is on", enabled(1))
	db.Exec(t, "ALTER TABLE sespan.mail_queue DISABLE TRIGGER mail_doorbell_ring")
	until(t, "it is off", enabled(0))
	until(t, "the log says so", says("ENABLE TRIGGER mail_doorbell_ring"))
	enqueueTo(t, db, "retry", "sari@b.co")
	relay.wait(t, 1, time.Minute)
	db.Exec(t, "ALTER TABLE sespan.mail_queue ENABLE TRIGGER mail_doorbell_ring")
	until(t, "it is on again", enabled(1))
	until(t, "the log says that, too", says("is there again"))
	if !strings.Contains(alertRules(t), "- alert: SespanMailTriggerOff\n") {
		t.Error("no alert watches it")
	}
}

// until waits a minute for it.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); !done(); {
		select {
		case <-late:
			t.Fatal("a minute long not: " + what)
		case <-tick.C:
		}
	}
}

func triggerGauge(t *testing.T, reg prometheus.Gatherer) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sespan_trigger_enabled" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}
