package mail

import (
	"math"
	"sync"
	"time"
)

const (
	underWay       = 2  // batches of a lane that wait for the broker, at most
	leastWindow    = 32 // of a lane that hardly moves
	rateEvery      = 250 * time.Millisecond
	shortestTrial  = 100 * time.Millisecond // between two trials of a broker that takes nothing
	longestTrial   = 3 * time.Second
	longestRecount = 250 * time.Millisecond // between two looks at a lane that has enough
	plentyFor      = 20 * time.Millisecond  // a quarter of what is unclaimed lasts so long: enough
	countEvery     = time.Second            // a full window that begins as it did
)

// announceLane is what an announcer knows of one lane.
type announceLane struct {
	lane    Lane
	again   time.Duration
	window  int
	batches chan []Announcement // to its publisher

	mu       sync.Mutex
	under    int // batches that wait for the broker
	failures int
	trial    time.Time // no sooner is the broker tried again
	taken    bool      // marks were taken back: the next count says nothing of claims

	// Of the looking goroutine alone.
	pace      pace
	counted   bool
	unclaimed int
	head      string    // where the window began when it was last counted as full, "" for not full
	countedAt time.Time // then
	oldest    time.Time // the oldest announcement, zero for none
	swept     bool      // the last look was one from the start
	nextSweep time.Time
	fullUntil time.Time // the lane has enough; no sooner is it looked at again
	patience  time.Duration
	repeats   int // announcements that may be made again before repeatAt
	repeatAt  time.Time
}

func newAnnounceLane(lane Lane, again time.Duration, window int) *announceLane {
	return &announceLane{lane: lane, again: again, window: window, batches: make(chan []Announcement, underWay)}
}

// share is how a lane stands before a look.
type share struct {
	open  bool
	stuck bool          // it can take no more at this moment
	later time.Duration // its broker fails: until the next trial
}

// share says how much of the lane may be marked now.
func (l *announceLane) share(now time.Time, batch int) (LaneLimit, share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case now.Before(l.trial):
		return LaneLimit{}, share{later: l.trial.Sub(now)}
	case l.failures > 0 && l.under > 0:
		return LaneLimit{}, share{later: shortestTrial}
	case l.under >= underWay, now.Before(l.fullUntil):
		return LaneLimit{}, share{stuck: true}
	case l.failures > 0:
		batch = 1
	}
	limit := l.limit()
	if !now.Before(l.repeatAt) {
		l.repeats, l.repeatAt = limit, now.Add(l.again)
	}
	return LaneLimit{Window: limit, Batch: batch, Again: l.again, Repeat: max(min(l.repeats, batch), 0), Head: l.knownHead(now)}, share{open: true}
}

// knownHead lets a full window be taken for full while it begins as it did, so that it is
// not counted at each look. No window gets too full by that; claims that leave its first
// rows alone are noticed a second late at most.
func (l *announceLane) knownHead(now time.Time) string {
	toRepeat := l.repeats > 0 && !l.oldest.IsZero() && !now.Before(l.oldest.Add(l.again))
	if l.taken || toRepeat || now.Sub(l.countedAt) >= countEvery {
		return ""
	}
	return l.head
}

// limit is the window that is used: no more than is claimed within a third of the age at
// which announcements are made again. So a slow lane is not announced over and over, and
// what is more urgent waits for less.
func (l *announceLane) limit() int {
	return min(max(int(l.pace.rate*l.again.Seconds()/3), leastWindow), l.window)
}

// note takes in what a look brought. It reports whether the window is full.
func (l *announceLane) note(m *Marked, now time.Time) (full bool) {
	if m.Unchanged {
		l.patience = min(2*l.patience, longestRecount)
		l.fullUntil = now.Add(l.patience)
		return true
	}
	l.head, l.countedAt = m.Head, now
	fresh := len(m.QueueIDs) - m.Repeated
	l.mu.Lock()
	if len(m.QueueIDs) == 0 {
		l.failures = 0 // there is nothing to try
	}
	reliable := l.counted && !l.taken
	l.taken = false
	l.mu.Unlock()
	claimed := 0
	if reliable {
		claimed = max(l.unclaimed-(m.Unclaimed-fresh), 0)
	}
	l.pace.note(claimed, now)
	l.counted, l.unclaimed = true, m.Unclaimed
	l.repeats += claimed - m.Repeated
	l.oldest = time.Time{}
	if m.Unclaimed > 0 {
		l.oldest = now.Add(-m.Oldest)
	}
	l.fullUntil = time.Time{}
	limit := l.limit()
	// A lane is left alone until a quarter of what is unclaimed may be claimed, ever longer
	// while nothing is: each look counts all of that. Where much of a window was, or it was
	// empty, nobody knows yet how fast it goes: a burst would else begin with a small window
	// each quarter of a second.
	switch {
	case 2*max(claimed, fresh) >= limit:
		l.patience = busyPause
	case claimed > 0 || fresh > 0:
		l.patience = time.Duration(float64(min(m.Unclaimed, limit)) / 4 / max(l.pace.rate, float64(limit)) * float64(time.Second))
	default:
		l.patience = min(2*l.patience, longestRecount)
	}
	full = m.Unclaimed >= limit
	if plenty := m.Unclaimed > leastWindow && l.patience >= plentyFor && !m.More; full || plenty {
		l.patience = min(max(l.patience, busyPause), longestRecount)
		l.fullUntil = now.Add(l.patience)
	}
	return full
}

// sweptAt notes whether a look was one from the start.
func (l *announceLane) sweptAt(now time.Time, swept bool, pause time.Duration) {
	if l.swept = swept; swept {
		l.nextSweep = now.Add(pause)
	}
}

// untilAgain is when the oldest announcement is to be made again.
func (l *announceLane) untilAgain(now time.Time) time.Duration {
	if l.oldest.IsZero() {
		return math.MaxInt64
	}
	at := l.oldest.Add(l.again)
	if l.repeats <= 0 && l.repeatAt.After(at) {
		at = l.repeatAt
	}
	return max(at.Sub(now), shortestTrial)
}

// hand gives a batch to the publisher; there is room for it.
func (l *announceLane) hand(batch []Announcement) {
	l.mu.Lock()
	l.under++
	l.mu.Unlock()
	l.batches <- batch
}

// through takes in the broker's answer to a batch. It reports whether the broker has
// begun to fail, or to work again, and whether the lane may be looked at sooner by that.
func (l *announceLane) through(now time.Time, confirmed, refused int, jitter float64) (changed, freed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.failures > 0
	freed = l.under >= underWay || was || refused > 0
	l.under--
	if confirmed > 0 {
		l.failures = 0
	}
	if refused > 0 {
		l.taken = true
		if confirmed == 0 {
			l.failures++
		}
		wait := min(shortestTrial<<min(l.failures, 5), longestTrial)
		l.trial = now.Add(wait/2 + time.Duration(jitter*float64(wait/2)))
	}
	return was != (l.failures > 0), freed
}

// pace is how fast a lane is claimed.
type pace struct {
	rate  float64 // rows a second, smoothed
	rows  int
	since time.Time
}

func (p *pace) note(rows int, now time.Time) {
	p.rows += rows
	d := now.Sub(p.since)
	if d < rateEvery {
		return
	}
	if !p.since.IsZero() {
		r := float64(p.rows) / d.Seconds()
		p.rate += (r - p.rate) * (1 - math.Exp(-d.Seconds()))
		if r > p.rate {
			p.rate = (p.rate + r) / 2
		}
	}
	p.rows, p.since = 0, now
}
