package smtp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// Of mails that wait for a connection none dials a relay that has just been found silent: each would
// take the time that it takes to find out, once more.
func TestThoseThatWaitDoNotDialASilentRelay(t *testing.T) {
	t.Parallel()
	var dialed atomic.Int32
	c := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { dialed.Add(1); s.Hang() }))
	c.Connections, c.Timeouts.Command = 1, time.Second
	r, err := NewRelays([]Config{c}, RelaysOptions{Pause: func(int) time.Duration { return time.Hour }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.WithoutCancel(t.Context()))
	const mails = 5
	errs := make(chan error, mails)
	var sending sync.WaitGroup
	for i := range mails {
		sending.Go(func() {
			_, err := r.Send(t.Context(), envelope(i))
			errs <- err
		})
	}
	p := r.all[0].pool
	err = poll.Until(t.Context(), time.Millisecond, func() (bool, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.waiting.Len() == mails-1, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sending.Wait()
	close(errs)
	for err := range errs {
		if failure, ok := errors.AsType[*mail.SendError](err); !ok || !failure.RelayFailed() {
			t.Errorf("%v", err)
		}
	}
	if n := dialed.Load(); n != 1 {
		t.Errorf("%d of %d mails dialed", n, mails)
	}
}
