package mail

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffDrawsBelowTheTableAndHonoursTheServer(t *testing.T) {
	t.Parallel()
	for failed, longest := range map[int]time.Duration{1: 5 * time.Second, 4: time.Minute, 14: 12 * time.Hour, 99: 12 * time.Hour} {
		if lo, hi := backoff(failed, 0, 0), backoff(failed, 0.999999, 0); lo != time.Second || hi > longest || hi < longest*9/10 {
			t.Errorf("after %d: %v to %v, want 1 s to %v", failed, lo, hi, longest)
		}
	}
	if d := backoff(1, 0, time.Hour); d != time.Hour {
		t.Errorf("the server asked for an hour, got %v", d)
	}
	if MaxAttempts != 15 {
		t.Errorf("%d tries; the documentation says 15", MaxAttempts)
	}
}

func TestFailuresBecomeResults(t *testing.T) {
	t.Parallel()
	w := &Worker{WorkerConfig: WorkerConfig{Now: time.Now, Jitter: func() float64 { return 0 }}, metrics: newMetrics(noRegistry{})}
	now := time.Now()
	cases := map[string]struct {
		row   Claimed
		err   SendError
		state State
		tries int
	}{
		"try again":           {Claimed{ExpiresIn: Forever}, SendError{Verdict: Retry, Reason: "rcpt_to"}, StateRetry, 1},
		"the relay is away":   {Claimed{ExpiresIn: Forever, Attempts: 99}, SendError{Verdict: Retry, Reason: "connect"}, StateRetry, 0},
		"refused":             {Claimed{ExpiresIn: Forever}, SendError{Verdict: Dead, Reason: "rcpt_to"}, StateDead, 1},
		"the last try":        {Claimed{ExpiresIn: Forever, Attempts: MaxAttempts - 1}, SendError{Verdict: Retry, Reason: "data"}, StateDead, 1},
		"unknown, again":      {Claimed{ExpiresIn: Forever}, SendError{Verdict: Unknown, Reason: "closed"}, StateRetry, 1},
		"unknown, held":       {Claimed{ExpiresIn: Forever, Hold: true}, SendError{Verdict: Unknown, Reason: "closed"}, StateUnknown, 1},
		"no time for another": {Claimed{ExpiresIn: 500 * time.Millisecond}, SendError{Verdict: Retry, Reason: "data"}, StateExpired, 1},
	}
	for what, c := range cases {
		c.row.claimedAt = now
		if r := w.retry(&c.row, &c.err); r.State != c.state || r.Tries != c.tries || r.State == StateRetry && r.Delay < time.Second {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

func TestGateLetsOneProbeThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(time.Now, func() float64 { return 0.5 })
		passed := make(chan struct{}, 10)
		g.report(true)
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() {
				if g.pass(ctx) {
					passed <- struct{}{}
				}
			}()
		}
		synctest.Wait()
		if len(passed) != 0 {
			t.Fatal("the gate is open although the relay failed")
		}
		time.Sleep(time.Minute)
		if n := len(passed); n != 1 {
			t.Fatalf("%d probes at once", n)
		}
		g.report(true) // the probe failed: the next waits, one alone
		synctest.Wait()
		if n := len(passed); n != 1 {
			t.Fatalf("%d after a failed probe", n)
		}
		time.Sleep(time.Minute)
		if n := len(passed); n != 2 {
			t.Fatalf("%d, want a second probe", n)
		}
		g.report(false)
		synctest.Wait()
		if n := len(passed); n != 3 {
			t.Errorf("%d passed the open gate", n)
		}
		g.report(true)
		go func() {
			if g.pass(ctx) {
				t.Error("passed after its context ended")
			}
		}()
		cancel()
		synctest.Wait()
	})
}

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

func TestPrefetchFollowsTheRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	p := prefetch{now: func() time.Time { return now }}
	if n := p.target(4, 500); n != 16 {
		t.Errorf("%d at first", n)
	}
	for range 30 {
		p.record(100)
		now = now.Add(100 * time.Millisecond)
	}
	if n := p.target(4, 1000); n < 480 || n > 520 {
		t.Errorf("%d at 1000 a second, want half of it", n)
	}
	if n := p.target(4, 100); n != 100 {
		t.Errorf("%d, want the configured most", n)
	}
}

func TestRepliesAreCleaned(t *testing.T) {
	t.Parallel()
	if got := clean("a\x00b\xffc"); got != "ab\uFFFDc" {
		t.Errorf("%q", got)
	}
	if got := clean(strings.Repeat("ü", 400)); len(got) != 500 || !strings.HasSuffix(got, "ü") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestLeaseOfAHangingSenderIsNotRenewed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	h := newLeaseTable(func() time.Time { return now })
	row := []Claimed{{Lease: Lease{1, 1}}}
	h.add(row, now.Add(30*time.Second))
	if list := h.expiring(20*time.Second, time.Hour); len(list) != 0 {
		t.Error("a young lease is renewed")
	}
	now = now.Add(15 * time.Second)
	if list := h.expiring(20*time.Second, time.Hour); len(list) != 1 {
		t.Error("an old lease is not renewed")
	}
	if list := h.expiring(20*time.Second, 10*time.Second); len(list) != 0 {
		t.Error("a lease is renewed for ever")
	}
}
