package pgtest

import (
	"testing"
	"time"
)

func TestNoTestBeginsBeforeMidnight(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]time.Duration{
		"2026-11-22T12:00:00Z":      0,
		"2026-11-22T23:59:29.9Z":    0,
		"2026-11-22T23:59:50Z":      10100 * time.Millisecond,
		"2026-11-23T00:00:00Z":      0,
		"2026-11-23T06:59:50+07:00": 10100 * time.Millisecond,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := untilNextDay(now); got != want {
			t.Errorf("at %s: wait %v, want %v", at, got, want)
		}
	}
}
