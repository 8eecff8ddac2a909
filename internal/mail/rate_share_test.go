package mail

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail/ratelimit"
)

// Two senders send a configured rate together. When one vanishes the other takes all of
// it, after the minute in which it counts as living.
func TestConfiguredRatesAreTheSites(t *testing.T) {
	t.Parallel()
	const notice = heartbeatEvery * 5 / 4 // the longest time between two signs of life
	for name, limits := range map[string]ratelimit.Limits{
		"all": {Rate: 10}, "each domain": {DomainRate: 10}, "a domain": {Domains: map[string]float64{"b.co": 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeStore()
			sender := senderFunc(accept)
			during := func(d time.Duration) int { // twice as many come as may go
				before := inspect(s, func() int { return len(s.done) })
				for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					s.put(1, nil)
				}
				return inspect(s, func() int { return len(s.done) }) - before
			}
			runWorker(t, s, sender, func(c *WorkerConfig) { c.Limits = limits }, func(w *Worker, _ func()) {
				c := w.WorkerConfig
				c.Metrics = prometheus.NewRegistry()
				second, err := NewWorker(c)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				var running sync.WaitGroup
				running.Go(func() { second.Run(ctx) })
				stop := sync.OnceFunc(func() { cancel(); running.Wait() })
				defer stop()
				time.Sleep(notice)
				during(10 * time.Second) // what may go at once is gone
				if n := during(time.Minute); n < 570 || n > 630 {
					t.Errorf("two senders: %d mails in a minute, want 600", n)
				}
				inspect(s, func() bool { s.vanish = true; return true })
				stop()
				time.Sleep(time.Second)
				if n := during(40 * time.Second); n > 210 {
					t.Errorf("half a minute after one vanished: %d mails in 40 s, want half of the rate", n)
				}
				time.Sleep(20*time.Second + notice)
				inspect(s, func() bool { // mails with slots keep the pace at which these were given
					for _, r := range s.rows {
						r.state = StateUnknown
					}
					return true
				})
				time.Sleep(30 * time.Second)
				during(10 * time.Second)
				if n := during(time.Minute); n < 570 || n > 630 {
					t.Errorf("the one that is left: %d mails in a minute, want 600", n)
				}
			})
		})
	}
}
