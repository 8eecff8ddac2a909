package pgtest

import (
	"testing"
	"time"
)

// midnightMargin is how long before midnight (UTC) no test begins any more.
const midnightMargin = 30 * time.Second

// waitPastMidnight waits where midnight is near: partitions are made by the day, the
// template's too, and a test that sees two days sees other partitions than it made.
func waitPastMidnight(tb testing.TB) {
	tb.Helper()
	wait := untilNextDay(time.Now())
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

// untilNextDay is what is left of a day that is about to end, 0 for any other.
func untilNextDay(now time.Time) time.Duration {
	now = now.UTC()
	left := now.Truncate(24*time.Hour).AddDate(0, 0, 1).Sub(now)
	if left > midnightMargin {
		return 0
	}
	return left + 100*time.Millisecond // the database's clock may be slow
}
