package mail

import "time"

const (
	// commitSlack is how long an enqueuing transaction may last and still be seen by
	// claims that start at the cursor; the sweep sees it in any case.
	commitSlack = 200 * time.Millisecond
	// unbounded looks at all rows that are due.
	unbounded  = 20 * 365 * 24 * time.Hour
	sweepShare = 20 // a sweep may take one twentieth of the time
)

// scanCursor is where the claim's index scan starts. A snapshot that some session
// keeps open keeps every dead index entry of the drained queue alive, and a scan
// from the start would walk over all of them for each batch. So a claim starts
// where claims of a moment ago had come to; what commits later than that below
// the cursor is found by the sweep, a claim that starts at the beginning, which runs
// as often as its cost allows.
type scanCursor struct {
	sweepPause time.Duration // least time between two sweeps
	nextSweep  time.Time
	positions  []position // oldest first; the first is in force
	reached    [Priorities]int64
	dueSince   time.Time // begin of the last scan that left nothing due behind
	dueAlone   bool      // there were fewer queued rows than their share: due rows may have it
}

type position struct {
	at  time.Time
	ids [Priorities]int64
}

// apply fills in where a claim that begins now starts, and the share of the due
// rows: a quarter while there are fresh mails enough. It reports whether the claim is
// a sweep.
func (s *scanCursor) apply(c *Claim, now time.Time, force bool) bool {
	c.DueLimit = max(c.Limit/4, 1)
	if s.dueAlone {
		c.DueLimit = c.Limit
	}
	if force || c.Passing == 0 && !now.Before(s.nextSweep) {
		c.QueueAfter, c.DueWindow = [Priorities]int64{}, unbounded
		return true
	}
	for len(s.positions) > 1 && !now.Before(s.positions[1].at.Add(commitSlack)) {
		s.positions = s.positions[1:]
	}
	if len(s.positions) > 0 && !now.Before(s.positions[0].at.Add(commitSlack)) {
		c.QueueAfter = s.positions[0].ids
	}
	c.DueWindow = unbounded
	if !s.dueSince.IsZero() {
		c.DueWindow = now.Sub(s.dueSince) + commitSlack
	}
	return false
}

// advance takes in what a claim found between begin and end.
func (s *scanCursor) advance(c Claim, rows []Claimed, begin, end time.Time, sweep bool) {
	for i := range rows {
		if rows[i].Fresh {
			p := rows[i].Priority
			s.reached[p] = max(s.reached[p], rows[i].QueueID)
		}
	}
	if len(s.positions) == 0 || end.Sub(s.positions[len(s.positions)-1].at) > commitSlack/10 {
		s.positions = append(s.positions, position{end, s.reached})
	}
	if c.Passing > 0 { // it says nothing of the others
		return
	}
	due, size := dueOf(rows), bytesOf(rows)
	s.dueAlone = len(rows)-due < c.Limit-max(due, c.Limit/4) && size < c.Bytes
	// The byte limit may have left due rows behind as well as the row limit.
	if due < c.DueLimit && len(rows) < c.Limit && size < c.Bytes {
		s.dueSince = begin
	}
	if sweep {
		s.nextSweep = end.Add(max(s.sweepPause, sweepShare*end.Sub(begin)))
	}
}

// dueOf counts the retries and scheduled rows.
func dueOf(rows []Claimed) (n int) {
	for i := range rows {
		if !rows[i].Fresh {
			n++
		}
	}
	return n
}

func bytesOf(rows []Claimed) (n int64) {
	for i := range rows {
		n += rows[i].Size
	}
	return n
}
