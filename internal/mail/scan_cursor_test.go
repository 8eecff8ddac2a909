package mail

import (
	"testing"
	"time"
)

func TestScanCursorMovesOnBehindTheSlack(t *testing.T) {
	t.Parallel()
	b := scanCursor{sweepPause: 100 * time.Millisecond}
	now := time.Unix(1_700_000_000, 0)
	step := func(rows []Claimed, took time.Duration) (c Claim, sweep bool) {
		c = Claim{Limit: 100, Bytes: 1 << 20}
		sweep = b.apply(&c, now, false)
		b.advance(c, rows, now, now.Add(took), sweep)
		now = now.Add(took)
		return c, sweep
	}
	fresh := func(id int64) []Claimed { return []Claimed{{Lease: Lease{QueueID: id}, Priority: 5, Fresh: true}} }
	if _, sweep := step(fresh(1000), time.Second); !sweep {
		t.Error("the first claim is no sweep")
	}
	if c, sweep := step(fresh(2000), 1100*time.Millisecond); sweep || c.QueueAfter[5] != 0 {
		t.Errorf("sweep %v from %v: a claim of a second asks for a pause of twenty, and the position is too young", sweep, c.QueueAfter[5])
	}
	if c, _ := step(fresh(3000), 600*time.Millisecond); c.QueueAfter[5] != 1000 || c.QueueAfter[4] != 0 {
		t.Errorf("starts at %v, want 1000 for priority 5", c.QueueAfter)
	}
	c := Claim{Limit: 100, Bytes: 1 << 20}
	if !b.apply(&c, now, true) || c.QueueAfter != [Priorities]int64{} || c.DueWindow != unbounded {
		t.Error("a forced sweep does not start at the beginning")
	}
	now = now.Add(time.Hour)
	if _, sweep := step(nil, time.Millisecond); !sweep {
		t.Error("no sweep after an hour")
	}
	if c, _ := step(nil, time.Millisecond); c.DueWindow > 2*commitSlack {
		t.Errorf("due window %v right after a complete look", c.DueWindow)
	}
}

func TestDueRowsLeaveRoomForFreshOnes(t *testing.T) {
	t.Parallel()
	b := scanCursor{}
	now := time.Unix(1_700_000_000, 0)
	limit := func(rows []Claimed) int {
		c := Claim{Limit: 8, Bytes: 1 << 20}
		b.advance(c, rows, now, now, false)
		b.apply(&c, now, true)
		return c.DueLimit
	}
	busy := make([]Claimed, 8)
	for i := range 6 {
		busy[i].Fresh = true
	}
	if n := limit(busy); n != 2 {
		t.Errorf("due limit %d while fresh mails fill their share", n)
	}
	if n := limit(busy[5:]); n != 8 {
		t.Errorf("due limit %d while hardly any fresh mail comes", n)
	}
}
