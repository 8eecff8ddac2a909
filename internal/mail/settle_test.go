package mail

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/problem"
)

func TestWorkerWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sent := 0
	runWorker(t, s, senderFunc(func(context.Context, Envelope) (Receipt, error) { sent++; return Receipt{}, nil }),
		func(c *WorkerConfig) { c.Connections = 1 }, func(w *Worker, _ func()) {
			s.put(2, nil)
			s.mu.Lock()
			s.failSettle = func([]Result) error { return problem.New(problem.Unavailable, "away") }
			s.mu.Unlock()
			time.Sleep(10 * time.Second)
			s.mu.Lock()
			s.fail = func() error { return problem.New(problem.Unavailable, "away") }
			s.mu.Unlock()
			time.Sleep(10 * time.Second)
			s.mu.Lock()
			s.fail, s.failSettle = func() error { return nil }, func([]Result) error { return nil }
			s.mu.Unlock()
			time.Sleep(20 * time.Second)
			if n := inspect(s, func() int { return len(s.done) }); n != 2 || sent != 2 {
				t.Errorf("%d results written, %d sent; want both once", n, sent)
			}
			if v := testutil.ToFloat64(w.metrics.events.WithLabelValues(eventSent)); v != 2 {
				t.Errorf("sent metric %v", v)
			}
		})
}

func TestWorkerLosesOnlyTheResultThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.failSettle = func(list []Result) error {
		for _, r := range list {
			if r.QueueID == 5*1024 {
				return errors.New("a value that the database refuses")
			}
		}
		return nil
	}
	s.put(20, nil)
	runWorker(t, s, senderFunc(accept), nil, func(*Worker, func()) {
		time.Sleep(time.Second)
		if n := inspect(s, func() int { return len(s.done) }); n != 19 {
			t.Errorf("%d of 19 good results are written", n)
		}
	})
}
