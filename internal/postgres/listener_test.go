package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

func waitSignal(tb testing.TB, signal <-chan struct{}, what string) {
	tb.Helper()
	select {
	case <-signal:
	case <-time.After(time.Minute):
		tb.Fatalf("no signal: %s", what)
	}
}

func TestListenerSignalsAndComesBack(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	reg := prometheus.NewRegistry()
	l, err := postgres.NewListener(postgres.ListenerOptions{URL: db.URL, Channels: []string{"one", "two"}, Logger: quietMail(), Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	for round := range 2 {
		waitSignal(t, l.Signal("one"), "connected: something may have been missed")
		waitSignal(t, l.Signal("two"), "connected: something may have been missed")
		connected(t, reg, "1")
		if _, err := db.Pool.Exec(t.Context(), "NOTIFY two"); err != nil {
			t.Fatal(err)
		}
		waitSignal(t, l.Signal("two"), "notified")
		select {
		case <-l.Signal("one"):
			t.Error("a signal on the wrong channel")
		default:
		}
		if round == 0 {
			_, err := db.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'sespan listener'`)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	<-ended
	connected(t, reg, "0")
	if l.Connected() || l.Signal("three") != nil {
		t.Error("connected after its end, or a signal for an unknown channel")
	}
}

func connected(tb testing.TB, reg *prometheus.Registry, want string) {
	tb.Helper()
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP sespan_listener_connected 1 while notifications arrive; 0 means polling only.
# TYPE sespan_listener_connected gauge
sespan_listener_connected `+want+"\n"), "sespan_listener_connected")
	if err != nil {
		tb.Error(err)
	}
}

func TestListenerHidesThePassword(t *testing.T) {
	t.Parallel()
	_, err := postgres.NewListener(postgres.ListenerOptions{URL: "postgres://u:hidden@h:port/d", Logger: quietMail(), Metrics: prometheus.NewRegistry()})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}

// Without LISTEN, as behind a transaction pooler, the poll still finds the mails.
func TestMailIsPolledWithoutListener(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Notifications, c.Listening, c.PollWithoutNotify = nil, nil, 50*time.Millisecond
	})
	for range 3 {
		enqueueMany(t, db, 1)
		box.wait(t, 1)
	}
}

// The worker needs no more than the service's role, and a producer can enqueue
// and do nothing else.
func TestMailRolesAreEnough(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	service, producer := db.Login(t, "", "sespan_service"), db.Login(t, "", "sespan_producer")
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Store = postgres.NewMail(openMailPool(t, service.URL)) })
	for range 20 {
		_, err := producer.Pool.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', idempotency_key => gen_random_uuid()::text)")
		if err != nil {
			t.Fatal(err)
		}
	}
	box.wait(t, 20)
	eventually(t, db, "results are written", queueEmpty)
	for _, sql := range []string{
		"SELECT body_text FROM sespan.mail_message", "INSERT INTO sespan.mail_queue DEFAULT VALUES", "SELECT sespan.mail_suppress_notify(1000)",
		`SELECT sespan.mail_enqueue_sealed('a@b.co', 's', '\x01', 'c', 1, now() + interval '1 hour')`,
	} {
		if _, err := producer.Pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("a producer may %s: %v", sql, err)
		}
	}
}
