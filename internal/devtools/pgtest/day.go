package pgtest

import (
	"testing"
	"time"
)

// calm is how long before midnight (UTC) no test begins any more.
const calm = 30 * time.Second

// sameDay waits over midnight where it is near: partitions are made by the day, the
// template's too, and a test that sees two days sees other partitions than it made.
func sameDay(tb testing.TB) {
	tb.Helper()
	wait := untilDay(time.Now())
	if wait == 0 {
		return
	}
	tb.Logf("pgtest: waits %v for the day to end", wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-tb.Context().Done():
	}
}

// untilDay is what is left of a day that is about to end, 0 for any other.
func untilDay(now time.Time) time.Duration {
	now = now.UTC()
	left := now.Truncate(24*time.Hour).AddDate(0, 0, 1).Sub(now)
	if left > calm {
		return 0
	}
	return left + 100*time.Millisecond // the database's clock may be behind
}
