package mail

import (
	"context"
	"testing"
	"time"
)

// relaySender has a relay that serves or not.
type relaySender struct {
	countingSender
	serves chan struct{} // closed while it does
}

func (s *relaySender) Ready(ctx context.Context) error {
	s.mu.Lock()
	serves := s.serves
	s.mu.Unlock()
	select {
	case <-serves:
		return nil
	default:
	}
	select {
	case <-serves:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve says whether the relay serves from now on.
func (s *relaySender) serve(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if yes {
		close(s.serves)
	} else {
		s.serves = make(chan struct{})
	}
}

// While no relay serves, what was claimed is given back after the length of a lease
// and nothing more is claimed: another worker may have a relay.
func TestWorkerHoldsNothingWhileNoRelayServes(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := &relaySender{countingSender: countingSender{sent: map[string]int{}}}
	runWorker(t, s, sender, func(*WorkerConfig) { // made in the bubble
		sender.serve(false)
		sender.serve(true)
	}, func(w *Worker, _ func()) {
		s.put(1000, nil)
		time.Sleep(50 * time.Millisecond)
		sender.serve(false)
		time.Sleep(w.Lease + time.Second)
		leased, claims := inspect(s, func() int { return leasedRows(s) }), inspect(s, func() int { return s.claims })
		sent := sender.count()
		if leased != 0 || sent == 0 || sent > 500 {
			t.Errorf("%d mails are leased, %d were sent", leased, sent)
		}
		time.Sleep(time.Hour)
		if n := inspect(s, func() int { return s.claims }); n != claims || sender.count() != sent {
			t.Errorf("%d claims, %d mails sent meanwhile", n-claims, sender.count()-sent)
		}
		sender.serve(true)
		time.Sleep(time.Second)
		sender.once(t, 1000)
	})
}

func leasedRows(s *fakeStore) (n int) {
	for _, r := range s.rows {
		if r.state == StateSending {
			n++
		}
	}
	return n
}
