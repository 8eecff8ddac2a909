package main

import (
	"strings"
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	got, err := parseShapes("4x250@50ms/100000,1x1000@1s/1000000")
	want := []shape{{4, 250, 50 * time.Millisecond, 100_000}, {1, 1000, time.Second, 1_000_000}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "4x250", "4x250@50/1000", "0x250@50ms/1000", "13x250@50ms/1000", "4x0@50ms/1000", "4x250@50ms/0"} {
		if _, err := parseShapes(bad); err == nil || !strings.HasPrefix(err.Error(), "-shapes: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What a mail costs is the median of the rounds, not their mean: one round may meet a checkpoint.
func TestCostsAreMedians(t *testing.T) {
	t.Parallel()
	samples := []sample{
		{ops: 10, work: work{statements: 10, wal: 1000}, cpu: usage{database: 10 * time.Millisecond}},
		{ops: 20, work: work{statements: 40, wal: 60_000}, cpu: usage{database: 20 * time.Millisecond}},
		{ops: 10, work: work{statements: 15, wal: 1200}, cpu: usage{database: 90 * time.Millisecond}},
	}
	if got, want := costsOf(samples), (costs{statements: 1.5, wal: 120, database: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
