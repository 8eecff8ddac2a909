package smtp

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"sespan/internal/mail"
)

// TestNextMailIsNotBegun: a mail that may no longer be sent when its connection comes
// ends with that error; the relay, which has its envelope and waits, gets no message.
func TestNextMailIsNotBegun(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg, got := pipeliningRelay(t, &dials, func(to string) string { return "250 2.0.0 queued as " + to })
	lost := errors.New("lost")
	errs := chain(t, cfg, 3, func(i int, e *mail.Envelope) {
		if i == 1 {
			e.Begin = func() error { return lost }
		}
	})
	if errs[0] != nil || errs[1] != lost || errs[2] != nil { //nolint:errorlint // it is given back as it is
		t.Errorf("%v", errs)
	}
	if recipients, early := got(); !slices.Equal(recipients, []string{"a", "c"}) || early != 1 || dials.Load() != 2 {
		t.Errorf("%v arrived, %d envelopes early, over %d connections", recipients, early, dials.Load())
	}
}
