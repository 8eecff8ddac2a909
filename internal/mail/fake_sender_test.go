package mail

import (
	"context"
	"sync"
	"testing"
	"time"
)

// senderFunc is a Sender.
type senderFunc func(ctx context.Context, e Envelope) (Receipt, error)

func (f senderFunc) Send(ctx context.Context, e Envelope) (Receipt, error) {
	if err := e.Begin(); err != nil {
		return Receipt{}, err
	}
	return f(ctx, e)
}

func (senderFunc) Ready(context.Context) error { return nil }

// countingSender notes what was sent; each mail takes it a millisecond.
type countingSender struct {
	mu   sync.Mutex
	sent map[string]int
}

func (s *countingSender) Send(_ context.Context, e Envelope) (Receipt, error) {
	if err := e.Begin(); err != nil {
		return Receipt{}, err
	}
	s.mu.Lock()
	s.sent[string(e.Data)]++
	s.mu.Unlock()
	time.Sleep(time.Millisecond)
	return Receipt{}, nil
}

func (*countingSender) Ready(context.Context) error { return nil }

func (s *countingSender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

// once fails unless n mails were sent, none of them twice.
func (s *countingSender) once(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sent) != n {
		t.Errorf("%d of %d mails are sent", len(s.sent), n)
	}
	for _, times := range s.sent {
		if times != 1 {
			t.Errorf("a mail was sent %d times", times)
		}
	}
}

func accept(context.Context, Envelope) (Receipt, error) { return Receipt{Reply: "ok"}, nil }
