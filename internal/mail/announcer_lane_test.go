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

// Each look counts all that is unclaimed, so a lane that has work for a while is left alone
// before its window is full, and one that has little is not.
func TestALaneWithPlentyIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unclaimed int
		more      bool
		alone     bool
	}{{leastWindow, false, false}, {1500, false, true}, {1500, true, false}} {
		l := newAnnounceLane(LaneNormal, 30*time.Second, 5000)
		now := time.Now()
		for range 8 { // claimed as fast as it is announced, 8,000 a second
			now = now.Add(rateEvery)
			l.note(&Marked{Unclaimed: 2000, QueueIDs: make([]int64, 2000)}, now)
		}
		now = now.Add(busyPause)
		l.note(&Marked{Unclaimed: c.unclaimed, QueueIDs: make([]int64, 10), More: c.more}, now)
		if wait := l.fullUntil.Sub(now); (wait >= plentyFor) != c.alone {
			t.Errorf("%d unclaimed, more %v: the next look comes after %v", c.unclaimed, c.more, wait)
		}
		if _, s := l.share(now.Add(busyPause), 10); s.stuck != c.alone {
			t.Errorf("%d unclaimed, more %v: stuck is %v", c.unclaimed, c.more, s.stuck)
		}
	}
}

// The announcer is woken by an answer of the broker only where it waits for one.
func TestAnAnswerWakesWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	l := newAnnounceLane(LaneNormal, 30*time.Second, 5000)
	l.hand(nil)
	l.hand(nil)
	for i, want := range []bool{true, false} {
		<-l.batches
		if _, freed := l.through(time.Now(), 1, 0, 0); freed != want {
			t.Errorf("answer %d: freed is %v", i, freed)
		}
	}
	l.hand(nil)
	<-l.batches
	if changed, freed := l.through(time.Now(), 0, 1, 0); !changed || !freed {
		t.Errorf("a first refusal: changed %v, freed %v", changed, freed)
	}
	l.hand(nil)
	<-l.batches
	if changed, freed := l.through(time.Now(), 1, 0, 0); !changed || !freed {
		t.Errorf("a broker that works again: changed %v, freed %v", changed, freed)
	}
}
