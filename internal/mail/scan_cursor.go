package mail

import "time"

const (
	// commitSlack is how long an enqueuing transaction may last and still be seen by
	// claims that start at the moving bound; the sweep sees it in any case.
	commitSlack = 200 * time.Millisecond
	// unbounded looks at all rows that are due.
	unbounded  = 20 * 365 * 24 * time.Hour
	sweepShare = 20 // a sweep may take one twentieth of the time
)

// bounds moves the lower end of the claim scan on. A snapshot that some session
// holds open keeps every dead index entry of the drained queue alive, and a scan
// from the start would walk over all of them for each batch. So a claim starts
// where claims of a moment ago had come to; what commits later than that below
// the bound is found by the sweep, a claim without bounds, which runs as often
// as its cost allows.
type scanCursor struct {
	pause     time.Duration // least time between two sweeps
	positions []position    // oldest first; the first is in force
	reached   [Priorities]int64
	dueSince  time.Time // begin of the last scan that left nothing due behind
	dueAlone  bool      // the queued lanes had less than their share: due rows may have it
	sweepNext time.Time
}

type position struct {
	at  time.Time
	ids [Priorities]int64
}

// apply fills in the lower ends for a claim that begins now, and the share of the
// due rows: a quarter while there are fresh mails enough. It says whether the
// claim is a sweep.
func (b *scanCursor) apply(c *Claim, now time.Time, force bool) bool {
	c.DueLimit = max(c.Limit/4, 1)
	if b.dueAlone {
		c.DueLimit = c.Limit
	}
	if force || !now.Before(b.sweepNext) {
		c.QueueAfter, c.DueWindow = [Priorities]int64{}, unbounded
		return true
	}
	for len(b.positions) > 1 && !now.Before(b.positions[1].at.Add(commitSlack)) {
		b.positions = b.positions[1:]
	}
	if len(b.positions) > 0 && !now.Before(b.positions[0].at.Add(commitSlack)) {
		c.QueueAfter = b.positions[0].ids
	}
	c.DueWindow = unbounded
	if !b.dueSince.IsZero() {
		c.DueWindow = now.Sub(b.dueSince) + commitSlack
	}
	return false
}

// note takes in what a claim found between begin and end.
func (b *scanCursor) note(c Claim, rows []Claimed, begin, end time.Time, sweep bool) {
	due := 0
	for i := range rows {
		if !rows[i].Fresh {
			due++
			continue
		}
		p := rows[i].Priority
		b.reached[p] = max(b.reached[p], rows[i].QueueID)
	}
	b.dueAlone = len(rows)-due < c.Limit-max(due, c.Limit/4) && bytesOf(rows) < c.Bytes
	if len(b.positions) == 0 || end.Sub(b.positions[len(b.positions)-1].at) > commitSlack/10 {
		b.positions = append(b.positions, position{end, b.reached})
	}
	// The byte limit may have left due rows behind as well as the row limit.
	if due < c.DueLimit && len(rows) < c.Limit && bytesOf(rows) < c.Bytes {
		b.dueSince = begin
	}
	if sweep {
		b.sweepNext = end.Add(max(b.pause, sweepShare*end.Sub(begin)))
	}
}

func bytesOf(rows []Claimed) int64 {
	var n int64
	for i := range rows {
		n += rows[i].Size
	}
	return n
}
