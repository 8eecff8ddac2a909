package mail

import (
	"context"
	"sync"
	"time"
)

const longestGate = 30 * time.Second

// gate stands before the relay. When the relay itself fails (no connection, no
// TLS, login refused) it lets one sender at a time try, ever more seldom, instead
// of burning the whole queue's tries against a closed door.
//
//	open ──relay failed──▶ shut ──wait──▶ one probe ──anything else──▶ open
//	                        ▲                │
//	                        └──relay failed──┘
type gate struct {
	now    func() time.Time
	jitter func() float64

	mu      sync.Mutex
	failed  int // relay failures in a row; 0 is open
	next    time.Time
	probing bool
	opened  chan struct{} // closed when the gate opens or a probe ends
}

func newGate(now func() time.Time, jitter func() float64) *gate {
	return &gate{now: now, jitter: jitter, opened: make(chan struct{})}
}

// pass waits until a mail may be tried; false when ctx ended first.
func (g *gate) pass(ctx context.Context) bool {
	for {
		wait, changed, ok := g.try()
		if ok {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (g *gate) try() (time.Duration, <-chan struct{}, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed == 0 {
		return 0, nil, true
	}
	wait := g.next.Sub(g.now())
	if wait <= 0 && !g.probing {
		g.probing = true
		return 0, nil, true
	}
	if g.probing {
		wait = longestGate
	}
	return wait, g.opened, false
}

// open reports whether mails pass without waiting.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed == 0
}

// leave ends a pass that led to no try.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing {
		g.probing = false
		g.wake()
	}
}

func (g *gate) wake() {
	close(g.opened)
	g.opened = make(chan struct{})
}

// report tells how a try went; it answers the failures in a row.
func (g *gate) report(relayFailed bool) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !relayFailed && g.failed == 0 {
		return 0
	}
	g.probing = false
	g.wake()
	if !relayFailed {
		g.failed = 0
		return 0
	}
	// Tries that were under way when the gate shut do not lengthen the wait.
	if g.failed == 0 || !g.now().Before(g.next) {
		g.failed++
		g.next = g.now().Add(spread(min(2*time.Second<<min(g.failed, 5), longestGate), g.jitter()))
	}
	return g.failed
}
