package mail

import (
	"testing"
	"time"

	"sespan/internal/problem"
)

// A worker that cannot write its results sends no more: killed now, each mail that
// it has sent would be sent again. It goes on when the database is back.
func TestWorkerSendsNothingThatItCannotWriteDown(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	away := false
	s.failSettle = func([]Result) error {
		if away {
			return problem.New(problem.Unavailable, "the database is away")
		}
		return nil
	}
	sender := &countingSender{sent: map[string]int{}}
	runWorker(t, s, sender, func(c *WorkerConfig) { c.Lease = time.Hour }, func(*Worker, func()) {
		s.put(20_000, nil)
		time.Sleep(2 * time.Second)
		s.mu.Lock()
		away = true
		s.mu.Unlock()
		time.Sleep(10 * time.Second)
		written := inspect(s, func() int { return len(s.done) })
		if n := sender.count() - written; written == 0 || n < 1 || n > 200 {
			t.Errorf("%d results are written, %d mails were sent beyond them", written, n)
		}
		s.mu.Lock()
		away = false
		s.mu.Unlock()
		time.Sleep(time.Minute)
		sender.once(t, 20_000)
	})
}
