package mail

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/mail/ratelimit"
)

func to(domain string) func(*Claimed) {
	return func(c *Claimed) { c.Recipient = "a@" + domain }
}

// arrivals is a sender that notes when each domain got its mails.
type arrivals struct {
	mu    sync.Mutex
	times map[string][]time.Time
	reply func(domain string, n int) *SendError
}

func (*arrivals) Ready(context.Context) error { return nil }

func (a *arrivals) Send(_ context.Context, e Envelope) (Receipt, error) {
	if err := e.Begin(); err != nil {
		return Receipt{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	domain := domainOf(e.Recipient)
	if a.reply != nil {
		if err := a.reply(domain, len(a.times[domain])); err != nil {
			return Receipt{}, err
		}
	}
	a.times[domain] = append(a.times[domain], time.Now())
	return Receipt{Reply: "ok"}, nil
}

func (a *arrivals) at(domain string) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.times[domain])
}

// TestWorkerKeepsARateAndServesNeighbours through the whole queue: postponed mails come
// back with their slots, cost no try, and nobody behind them waits.
func TestWorkerKeepsARateAndServesNeighbours(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	a := &arrivals{times: map[string][]time.Time{}}
	const slow, rate = 600, 10
	limits := func(c *WorkerConfig) { c.Limits = ratelimit.Limits{Domains: map[string]float64{"slow.example": rate}} }
	runWorker(t, s, a, limits, func(w *Worker, stop func()) {
		begin := time.Now()
		s.put(slow, to("Slow.Example"))
		s.put(50, to("other.example"))
		time.Sleep(3 * time.Second)
		if n := len(a.at("other.example")); n != 50 || a.at("other.example")[49].Sub(begin) > 2*time.Second {
			t.Errorf("%d of 50 neighbours are served after 3 s", n)
		}
		time.Sleep(time.Minute)
		got := a.at("slow.example")
		if len(got) != slow {
			t.Fatalf("%d of %d are sent after a minute", len(got), slow)
		}
		for i := rate * 10; i < len(got); i++ {
			if d := got[i].Sub(got[i-rate*10]); d < 9*time.Second {
				t.Fatalf("%d mails in %v", rate*10, d)
			}
		}
		stop()
		for id, r := range s.done {
			if r.State != StateSent || r.Tries != 1 {
				t.Fatalf("mail %d: %s after %d tries", id, r.State, r.Tries)
			}
		}
		postponed := testutil.ToFloat64(w.limitMetrics.postponed.WithLabelValues(string(ratelimit.Configured), "domain"))
		if postponed < slow/2 || postponed > slow*5/4 {
			t.Errorf("%v of %d mails postponed", postponed, slow)
		}
		if n := testutil.ToFloat64(w.metrics.events.WithLabelValues(eventRetry)); n != 0 {
			t.Errorf("%v retries counted", n)
		}
	})
}

// TestWorkerLeavesAThrottlingDomainAlone and costs its mails no tries meanwhile.
func TestWorkerLeavesAThrottlingDomainAlone(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	refused := 0
	throttling := true
	a := &arrivals{times: map[string][]time.Time{}}
	a.reply = func(domain string, _ int) *SendError {
		if domain == "bad.example" && throttling {
			refused++
			return throttled()
		}
		return nil
	}
	runWorker(t, s, a, nil, func(w *Worker, _ func()) {
		s.put(200, to("bad.example"))
		s.put(50, to("good.example"))
		time.Sleep(2 * time.Second)
		if n := len(a.at("good.example")); n != 50 {
			t.Errorf("%d of 50 neighbours are served", n)
		}
		time.Sleep(5 * time.Minute)
		a.mu.Lock()
		if refused > 20 {
			t.Errorf("%d tries at a domain that throttles", refused)
		}
		a.mu.Unlock()
		if n := testutil.ToFloat64(w.limitMetrics.slowed); n != 1 {
			t.Errorf("%v slowed domains", n)
		}
		a.mu.Lock()
		throttling = false
		a.mu.Unlock()
		time.Sleep(time.Hour)
		if n := len(a.at("bad.example")); n != 200 {
			t.Errorf("%d of 200 are sent an hour after", n)
		}
	})
}

// TestPostponedMailExpires when its time is over before its slot comes.
func TestPostponedMailExpires(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	a := &arrivals{times: map[string][]time.Time{}}
	limits := func(c *WorkerConfig) { c.Limits = ratelimit.Limits{DomainRate: 0.001} }
	runWorker(t, s, a, limits, func(_ *Worker, stop func()) {
		s.put(1, func(c *Claimed) { c.Priority = 9 })
		synctest.Wait()
		s.put(1, func(c *Claimed) { c.Priority, c.ExpiresIn = 9, time.Minute })
		time.Sleep(30 * time.Second)
		inspect(s, func() any { // the database counts what is left
			for _, r := range s.rows {
				r.ExpiresIn = 30 * time.Second
			}
			return nil
		})
		time.Sleep(31 * time.Second)
		inspect(s, func() any {
			for _, r := range s.rows {
				r.ExpiresIn = 0
			}
			return nil
		})
		time.Sleep(5 * time.Minute)
		stop()
		if len(s.done) != 2 || len(a.at("b.co")) != 1 {
			t.Fatalf("%d ended, %d sent; want 2 and 1", len(s.done), len(a.at("b.co")))
		}
		for _, r := range s.done {
			if r.State != StateSent && r.State != StateExpired {
				t.Errorf("state %s", r.State)
			}
		}
	})
}

func throttled() *SendError {
	return &SendError{Verdict: Retry, Reason: "rcpt_to", Code: 421, Enhanced: "4.7.28", Reply: "too many messages from your network"}
}

// TestWhatSaysNothingAboutRates is kept from the limiter.
func TestWhatSaysNothingAboutRates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  *SendError
		says bool
	}{
		"accepted":        {nil, true},
		"for good":        {&SendError{Verdict: Dead, Reason: "rcpt_to", Code: 550}, true},
		"throttled":       {throttled(), true},
		"not composed":    {&SendError{Verdict: Dead, Reason: "composed"}, false},
		"unknown":         {&SendError{Verdict: Unknown, Reason: "closed"}, false},
		"relay away":      {&SendError{Verdict: Retry, Reason: "connect"}, false},
		"not temporarily": {&SendError{Verdict: Retry, Reason: "data", Code: 503}, false},
	} {
		if _, says := replyOf(c.err); says != c.says {
			t.Errorf("%s: %v", name, says)
		}
	}
}
