package mail

import (
	"testing"
	"time"
)

// The first window after a lull is small. It is looked at again at once, so that a burst is
// not announced in small portions with long waits between them.
func TestABurstIsAnnouncedAtOnce(t *testing.T) {
	t.Parallel()
	l := newAnnounceLane(LaneNormal, 30*time.Second, 5000)
	now := time.Now()
	fill := func(n, unclaimed int) (wait time.Duration) {
		t.Helper()
		if !l.note(&Marked{Unclaimed: unclaimed, QueueIDs: make([]int64, n)}, now) {
			t.Fatalf("%d of %d unclaimed: not full", unclaimed, l.limit())
		}
		return l.fullUntil.Sub(now)
	}
	if wait := fill(leastWindow, leastWindow); wait > busyPause {
		t.Errorf("an empty window was filled: the next look comes after %v", wait)
	}
	now = now.Add(busyPause)
	if wait := fill(leastWindow, leastWindow); wait > busyPause {
		t.Errorf("all was claimed: the next look comes after %v", wait)
	}
	for range 4 { // claimed as fast as it is announced
		now = now.Add(rateEvery)
		l.note(&Marked{Unclaimed: l.unclaimed, QueueIDs: make([]int64, l.unclaimed)}, now)
	}
	if l.limit() <= leastWindow {
		t.Errorf("the window is %d", l.limit())
	}
	limit := l.limit()
	now = now.Add(busyPause)
	fill(limit-l.unclaimed, limit)
	now = now.Add(busyPause)
	if wait := fill(1, l.limit()); wait <= busyPause {
		t.Errorf("little was claimed of a window of %d: the next look comes after %v", l.limit(), wait)
	}
}
