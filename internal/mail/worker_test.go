package mail

import (
	"context"
	"testing"
	"time"
)

func TestWorkerStopsWithinItsDrain(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(100, nil)
	hangs := senderFunc(func(ctx context.Context, _ Envelope) (Receipt, error) {
		<-ctx.Done()
		return Receipt{}, &SendError{Verdict: Unknown, Reason: "closed", Err: ctx.Err()}
	})
	runWorker(t, s, hangs, nil, func(_ *Worker, stop func()) {
		begin := time.Now()
		stop()
		if d := time.Since(begin); d < 20*time.Second || d > 21*time.Second {
			t.Errorf("stopped after %v, want the drain of 20 s", d)
		}
		sending := 0
		for _, r := range s.rows {
			if r.state == StateSending {
				sending++
			}
		}
		if sending != 0 || len(s.rows) != 100 {
			t.Errorf("%d of %d rows are left as sending", sending, len(s.rows))
		}
		if !s.suppressedUntil.IsZero() {
			t.Error("notifications stay suppressed")
		}
	})
}

func TestWorkerWantsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := NewWorker(WorkerConfig{}); err == nil {
		t.Error("nothing at all is enough")
	}
}
