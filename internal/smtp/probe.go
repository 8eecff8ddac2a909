package smtp

import (
	"context"
	"time"
)

// changes gives a channel that is closed at the next change of a breaker.
func (r *Relays) changes() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// signal wakes those who wait for a change.
func (r *Relays) signal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Relays) startProbe(one *guardedRelay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended && !one.probing {
		one.probing = true
		r.probes.Go(func() { r.probe(one) })
	}
}

// probe asks a relay whose breaker is open now and then, so that no mail has to wait for its answer.
// The pauses count from the beginning of the probe before.
func (r *Relays) probe(one *guardedRelay) {
	for begun := time.Now(); r.stillOpen(one); {
		_, opened := one.breaker.current()
		timer := time.NewTimer(r.options.Pause(opened) - time.Since(begun))
		select {
		case <-r.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		begun = time.Now()
		ctx, cancel := context.WithTimeout(r.life, one.cfg.Timeouts.Connect+one.cfg.Timeouts.Command)
		err := one.Check(ctx)
		cancel()
		one.breaker.probed(err == nil)
	}
	r.signal()
}

func (r *Relays) stillOpen(one *guardedRelay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	state, _ := one.breaker.current()
	one.probing = state == open
	return one.probing
}
