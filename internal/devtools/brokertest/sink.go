package brokertest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"sespan/internal/mail"
)

// sink is a mail server that counts.
type sink struct {
	expected int           // mails; of the test's goroutine
	latency  time.Duration // of each mail; set before the first

	mu    sync.Mutex
	count map[string]int
	order []string // recipients
}

func newSink() *sink { return &sink{count: map[string]int{}} }

// Send takes a mail.
func (s *sink) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	if err := e.Begin(); err != nil {
		return mail.Receipt{}, err
	}
	if s.latency > 0 {
		timer := time.NewTimer(s.latency)
		<-timer.C
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[e.Recipient]++
	s.order = append(s.order, e.Recipient)
	return mail.Receipt{Relay: "sink:25", Reply: "2.0.0 queued"}, nil
}

// Ready never waits.
func (*sink) Ready(context.Context) error { return nil }

func (s *sink) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.count)
}

func (s *sink) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// blocked is a mail server of another worker, which takes nothing until it opens; what it
// takes counts as the first one's.
type blocked struct {
	*sink
	opens chan struct{}
}

// Send waits for the opening.
func (b blocked) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	select {
	case <-b.opens:
		return b.sink.Send(ctx, e)
	case <-ctx.Done():
		return mail.Receipt{}, ctx.Err()
	}
}
