package app

import (
	"testing"
	"time"
)

// What a look costs says how soon it is repeated: 2 % of a core at most, and always
// before what it saw is too old to be shown.
func TestALookThatTookLongRests(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for name, c := range map[string]struct {
		took, since time.Duration
		rests       bool
	}{
		"quick":           {10 * time.Millisecond, 15 * time.Second, false},
		"slow":            {800 * time.Millisecond, 30 * time.Second, true},
		"slow, later":     {800 * time.Millisecond, 45 * time.Second, false},
		"as slow as may":  {5 * time.Second, 44 * time.Second, true},
		"before it fades": {5 * time.Second, 45 * time.Second, false},
	} {
		if got := (seen{at: began, took: c.took}).rests(began.Add(c.since)); got != c.rests {
			t.Errorf("%s: rests is %v", name, got)
		}
	}
	if (seen{}).rests(began) {
		t.Error("a part that was never seen rests")
	}
}
