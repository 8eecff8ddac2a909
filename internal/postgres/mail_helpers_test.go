package postgres_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// mailbox is a Sender that takes everything, or what answer decides.
type mailbox struct {
	mu     sync.Mutex
	got    []mail.Envelope
	answer func(n int, e mail.Envelope) error // nil: takes it
	came   chan mail.Envelope                 // filled with each mail that was taken
	ready  func(context.Context) error        // nil: a relay serves
}

func newMailbox(answer func(n int, e mail.Envelope) error) *mailbox {
	return &mailbox{answer: answer, came: make(chan mail.Envelope, 100_000)}
}

func (b *mailbox) Send(_ context.Context, e mail.Envelope) (mail.Receipt, error) {
	if err := e.Begin(); err != nil {
		return mail.Receipt{}, err
	}
	b.mu.Lock()
	n := len(b.got)
	b.got = append(b.got, e)
	b.mu.Unlock()
	if b.answer != nil {
		if err := b.answer(n, e); err != nil {
			return mail.Receipt{}, err
		}
	}
	b.came <- e
	return mail.Receipt{Relay: "fake:25", Reply: "2.0.0 queued"}, nil
}

func (b *mailbox) Ready(ctx context.Context) error {
	if b.ready == nil {
		return nil
	}
	return b.ready(ctx)
}

func (b *mailbox) sent() []mail.Envelope {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]mail.Envelope(nil), b.got...)
}

// senderTo is a Sender that takes everything and tells of each.
type senderTo func()

func (senderTo) Ready(context.Context) error { return nil }

func (f senderTo) Send(_ context.Context, e mail.Envelope) (mail.Receipt, error) {
	if err := e.Begin(); err != nil {
		return mail.Receipt{}, err
	}
	f()
	return mail.Receipt{}, nil
}

// wait takes n mails or fails.
func (b *mailbox) wait(tb testing.TB, n int) []mail.Envelope {
	tb.Helper()
	var list []mail.Envelope
	deadline := time.After(time.Minute)
	for len(list) < n {
		select {
		case e := <-b.came:
			list = append(list, e)
		case <-deadline:
			tb.Fatalf("%d of %d mails came", len(list), n)
		}
	}
	return list
}

func openMailPool(tb testing.TB, url string) *postgres.Pool {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), postgres.Options{URL: url, GenericPlans: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

func quietMail() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// startWorker runs a worker until the test ends or stop is called; stop waits
// for the drain.
func startWorker(tb testing.TB, db *pgtest.DB, sender mail.Sender, change func(*mail.WorkerConfig)) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	reg := prometheus.NewRegistry()
	listener := mailListener(tb, db, reg)
	c := mail.WorkerConfig{
		Store: postgres.NewMail(openMailPool(tb, db.URL)), Sender: sender, From: "Shop <shop@example.org>", Logger: quietMail(), Metrics: reg,
		Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected,
	}
	if change != nil {
		change(&c)
	}
	w, err := mail.NewWorker(c)
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { listener.Run(ctx) })
	wg.Go(func() { w.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	tb.Cleanup(stop)
	return stop
}

// mailListener hears what wakes workers and announcers.
func mailListener(tb testing.TB, db *pgtest.DB, reg prometheus.Registerer) *postgres.Listener {
	tb.Helper()
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: db.URL, Channels: []string{postgres.MailChannel}, Logger: quietMail(), Metrics: reg,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

func mailExec(tb testing.TB, db *pgtest.DB, sql string, args ...any) {
	tb.Helper()
	if _, err := db.Pool.Exec(tb.Context(), sql, args...); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}
