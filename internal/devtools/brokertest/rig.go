package brokertest

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

const patience = time.Minute // for what is to happen

// rig is the world of one case.
type rig struct {
	tb      testing.TB
	backend Backend
	site    Site
	db      *pgtest.DB
	sink    *sink
	alter   func(mail.Broker) mail.Broker // what announcers publish through; nil: as it is
	again   time.Duration                 // after which what is unclaimed is announced again [the announcer's own]
}

func newRig(tb testing.TB, b Backend) *rig {
	tb.Helper()
	id := uuid.New()
	return &rig{
		tb: tb, backend: b, site: Site{Prefix: "t" + strings.ReplaceAll(id.String(), "-", "")[:12], Installation: id},
		db: pgtest.NewDB(tb), sink: newSink(),
	}
}

// connect makes a client that ends with the test.
func (r *rig) connect() mail.Broker {
	client := r.backend.Connect(r.tb, r.site)
	r.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.Close(ctx); err != nil {
			r.tb.Logf("brokertest: a client ended: %v", err)
		}
	})
	return client
}

// store opens a pool of its own, as another process has it.
func (r *rig) store() *postgres.Mail {
	pool, err := postgres.Open(r.tb.Context(), postgres.Options{URL: r.db.URL, GenericPlans: true})
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(pool.Close)
	return postgres.NewMail(pool)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// worker runs one that learns of rows as the backend has it.
func (r *rig) worker(change func(*mail.WorkerConfig)) (stop func()) {
	if r.backend.Connect == nil {
		return r.basic(change)
	}
	client := r.connect()
	return r.basic(func(c *mail.WorkerConfig) {
		c.Broker, c.Announced = client, c.Store.(*postgres.Mail) //nolint:forcetypeassert // of store
		if change != nil {
			change(c)
		}
	})
}

// basic runs a worker that asks the database.
func (r *rig) basic(change func(*mail.WorkerConfig)) (stop func()) {
	reg := prometheus.NewRegistry()
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: r.db.URL, Channels: []string{postgres.MailChannel}, Logger: quiet(), Metrics: reg,
	})
	if err != nil {
		r.tb.Fatal(err)
	}
	c := mail.WorkerConfig{
		Store: r.store(), Sender: r.sink, From: "Shop <shop@example.org>", Logger: quiet(), Metrics: reg,
		Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected,
	}
	if change != nil {
		change(&c)
	}
	w, err := mail.NewWorker(c)
	if err != nil {
		r.tb.Fatal(err)
	}
	return r.run(listener.Run, w.Run)
}

// publish gives announcements to the broker.
func (r *rig) publish(batch []mail.Announcement) []error {
	ctx, cancel := context.WithTimeout(r.tb.Context(), patience)
	defer cancel()
	return r.connect().Publish(ctx, batch)
}

// run runs what belongs to one process until stop or the end of the test; stop waits.
func (r *rig) run(parts ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() { part(ctx) })
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	r.tb.Cleanup(stop)
	return stop
}

// enqueue puts n mails of a priority, in one transaction.
func (r *rig) enqueue(n, priority int) {
	r.tb.Helper()
	r.db.Exec(r.tb, `SELECT sespan.mail_enqueue(recipient => format('p%s-%s@b.co', $2::int, g), subject => 's', body_text => 'x', priority => $2::int::smallint)
		FROM generate_series($3::int + 1, $3::int + $1::int) g`, n, priority, r.sink.expected)
	r.sink.expected += n
}

// allSent waits until every mail that was enqueued is sent and written down, and fails
// when one is sent twice.
func (r *rig) allSent() {
	r.tb.Helper()
	r.eventually("each row is finished", "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE due_at < 'infinity')")
	for recipient, n := range r.sink.counts() {
		if n != 1 {
			r.tb.Errorf("%s was sent %d times", recipient, n)
		}
	}
	if n := len(r.sink.counts()); n != r.sink.expected {
		r.tb.Errorf("%d of %d mails were sent", n, r.sink.expected)
	}
}

// eventually waits until a query answers true.
func (r *rig) eventually(what, query string) {
	r.tb.Helper()
	r.until(what, func() bool {
		var yes bool
		if err := r.db.Pool.QueryRow(r.tb.Context(), query).Scan(&yes); err != nil {
			r.tb.Fatalf("%s: %v", what, err)
		}
		return yes
	})
}

func (r *rig) until(what string, reached func() bool) {
	r.tb.Helper()
	for deadline := time.Now().Add(patience); !reached(); {
		if time.Now().After(deadline) {
			r.tb.Fatalf("not within %v: %s; %d of %d mails are sent", patience, what, len(r.sink.counts()), r.sink.expected)
		}
		timer := time.NewTimer(10 * time.Millisecond)
		<-timer.C
	}
}

// stays fails when something is no longer so within that time.
func (r *rig) stays(what string, within time.Duration, so func() bool) {
	r.tb.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-tick.C {
		if !so() {
			r.tb.Errorf("it is no longer so: %s", what)
			return
		}
	}
}
