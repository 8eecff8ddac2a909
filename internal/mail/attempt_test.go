package mail

import (
	"context"
	"testing"
	"time"
)

// busy is a Sender that has a connection for a mail only after this time.
type busy time.Duration

func (busy) Ready(context.Context) error { return nil }

func (b busy) Send(ctx context.Context, e Envelope) (Receipt, error) {
	select {
	case <-ctx.Done():
		return Receipt{}, &SendError{Verdict: Retry, Reason: "timeout", Err: context.Cause(ctx)}
	case <-time.After(time.Duration(b)):
	}
	if err := e.Begin(); err != nil {
		return Receipt{}, err
	}
	return Receipt{Reply: "ok"}, nil
}

// What waits for a connection when the worker ends is given back at once and costs no
// try, and a mail of on_unknown = hold was not begun, so that it is no unknown one.
func TestWaitingForAConnectionIsNoTry(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(2, func(c *Claimed) { c.HoldUnknown = true })
	runWorker(t, s, busy(time.Hour), nil, func(_ *Worker, stop func()) {
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, r := range s.rows {
			if r.state == StateSending {
				t.Errorf("mail %d is %s", id, r.state)
			}
		}
		if len(s.done) != 0 || len(s.begun) != 0 || len(s.rows) != 2 {
			t.Errorf("%d settled, %d begun, %d in the queue", len(s.done), len(s.begun), len(s.rows))
		}
	})
}

// A mail that expires while it waits for a connection is not sent.
func TestWaitingForAConnectionForTooLong(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(1, func(c *Claimed) { c.ExpiresIn = 5 * time.Second })
	runWorker(t, s, busy(10*time.Second), nil, func(*Worker, func()) {
		time.Sleep(12 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, r := range s.done {
			if r.State != StateExpired || r.Tries != 0 {
				t.Errorf("mail %d: %+v", id, r)
			}
		}
		if len(s.done) != 1 {
			t.Errorf("%d settled", len(s.done))
		}
	})
}
