package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// quickListener runs a listener that sends canaries often.
func quickListener(tb testing.TB, listen, pool string) (*postgres.Listener, *prometheus.Registry, *record) {
	tb.Helper()
	reg, log := prometheus.NewRegistry(), &record{}
	l, err := postgres.NewListener(postgres.ListenerOptions{
		URL: listen, Channels: []string{postgres.MailChannel}, Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: reg,
		Pool: openMailPool(tb, pool), CanaryInterval: 100 * time.Millisecond, CanaryTimeout: time.Second,
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	tb.Cleanup(func() { cancel(); wg.Wait() })
	return l, reg, log
}

// record is a log that can be read meanwhile.
type record struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines.Write(p)
}

func (r *record) count(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.lines.String(), what)
}

// waitConnected follows the listener's signals, each of which may tell of a change.
func waitConnected(tb testing.TB, l *postgres.Listener, want bool) {
	tb.Helper()
	deadline := time.After(time.Minute)
	for l.Connected() != want {
		select {
		case <-l.Signal(postgres.MailChannel):
		case <-deadline:
			tb.Fatalf("the listener does not come to connected = %v", want)
		}
	}
}

// The canary measures the latency, and only its arrival makes the listener connected.
func TestListenerCanaryMeasures(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	l, reg, log := quickListener(t, db.URL, db.URL)
	waitConnected(t, l, true)
	connected(t, reg, "1")
	if n, err := testutil.GatherAndCount(reg, "sespan_listener_latency_seconds"); err != nil || n != 1 {
		t.Fatalf("%d latencies, %v", n, err)
	}
	if log.count("notifications arrive") != 1 {
		t.Error("the log does not say that notifications arrive")
	}
}

// A half-open connection, on which nothing comes and nothing fails, is noticed
// within seconds; mails are polled meanwhile, and a new connection receives again.
func TestListenerHalfOpenConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	way := newProxy(t, db.URL)
	l, reg, log := quickListener(t, way.url, db.URL)
	waitConnected(t, l, true)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Notifications, c.Listening, c.Poll, c.PollWithoutNotify = l.Signal(postgres.MailChannel), l.Connected, time.Hour, 50*time.Millisecond
	})
	enqueueMany(t, db, 1)
	box.wait(t, 1)
	way.freeze(true)
	enqueueMany(t, db, 1)
	box.wait(t, 1) // where the notification was lost, the canary shows it: the poll is an hour away
	eventuallyTrue(t, "notifications are lost", func() bool { return !l.Connected() })
	connected(t, reg, "0")
	if log.count("did not arrive") != 1 {
		t.Error("the log does not say once that notifications do not arrive")
	}
	way.freeze(false)
	eventuallyTrue(t, "notifications arrive again", l.Connected)
	connected(t, reg, "1")
}

// eventuallyTrue asks again and again.
func eventuallyTrue(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatal(what + ": not within a minute")
		}
		<-tick.C
	}
}
