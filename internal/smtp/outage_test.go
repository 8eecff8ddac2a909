package smtp

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// network has mail servers in memory, for a test on fake time, that can be away.
type network struct {
	away    func(ctx context.Context, n *network) (net.Conn, error) // a connection while they are
	verdict func() string                                           // of a message
	serving sync.WaitGroup

	mu     sync.Mutex
	outage bool
}

func notAnswered(ctx context.Context, _ *network) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func connectionRefused(context.Context, *network) (net.Conn, error) { return nil, syscall.ECONNREFUSED }

func notInService(_ context.Context, n *network) (net.Conn, error) {
	return n.connect(func(s *smtptest.Session) { s.Reply("421 4.3.2 not in service"); s.Hang() }), nil
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if n.isAway() {
		return n.away(ctx, n)
	}
	return n.connect(func(s *smtptest.Session) {
		s.Greet("PIPELINING", "8BITMIME")
		for {
			if s.Left() || n.isAway() { // it ends between two mails
				return
			}
			if _, ok := s.AcceptEnvelope(); !ok {
				return
			}
			s.ReadData()
			s.Reply(n.verdict())
		}
	}), nil
}

func (n *network) connect(serve func(*smtptest.Session)) net.Conn {
	here, there := net.Pipe()
	n.serving.Go(func() {
		defer there.Close()
		serve(smtptest.NewSession(there))
	})
	return here
}

func (n *network) isAway() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outage
}

func (n *network) begin() { n.set(true) }
func (n *network) end()   { n.set(false) }

func (n *network) set(away bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.outage = away
}

// relays are closed at the test's end.
func (n *network) relays(t *testing.T, count int) *Relays {
	t.Helper()
	configs := make([]Config, count)
	for i := range configs {
		configs[i] = Config{Host: "localhost", Port: "25", TLS: None, Hello: "[127.0.0.1]", Dial: n.dial}
	}
	r, err := NewRelays(configs, RelaysOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		n.serving.Wait()
	})
	return r
}

// TestOutageOfAnHour: while every mail server is away for an hour no mail is charged
// a try and no lease lapses, and half a minute after their return all mails are sent.
func TestOutageOfAnHour(t *testing.T) {
	t.Parallel()
	for kind, away := range map[string]func(context.Context, *network) (net.Conn, error){
		"refused": connectionRefused, "no answer": notAnswered, "not in service": notInService,
	} {
		for relays, name := range map[int]string{1: "one relay", 2: "two relays"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { outageOfAnHour(t, relays, away) })
			})
		}
	}
}

func outageOfAnHour(t *testing.T, relays int, away func(context.Context, *network) (net.Conn, error)) {
	t.Helper()
	n := &network{away: away, verdict: func() string { time.Sleep(time.Millisecond); return "250 ok" }}
	sender := n.relays(t, relays)
	q := newMemoryQueue()
	w, err := mail.NewWorker(mail.WorkerConfig{
		Store: q, Sender: sender, Senders: sender.Concurrency(), From: "Shop <shop@shop.example>",
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })

	q.put(5000)
	time.Sleep(time.Second) // by then much is claimed ahead
	before := q.count()
	n.begin()
	time.Sleep(30 * time.Minute)
	q.put(100)
	time.Sleep(30 * time.Minute)
	if sent := q.count(); before < 1000 || sent-before > 100 || sent > 4900 {
		t.Errorf("%d mails were sent before the outage and %d in it", before, sent-before)
	}
	n.end()
	time.Sleep(30 * time.Second)
	if sent := q.count(); sent != 5100 {
		t.Errorf("%d of 5100 mails are sent half a minute after the return", sent)
	}
	stop()
	running.Wait()
	if q.tries != 0 || q.lapses != 0 || q.refused != 0 {
		t.Errorf("%d tries were charged, %d leases lapsed, %d results came too late", q.tries, q.lapses, q.refused)
	}
}
