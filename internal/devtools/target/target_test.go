package target

import "testing"

// TestResults: what is only shown, what is reached and what is missed.
func TestResults(t *testing.T) {
	t.Parallel()
	var r Report
	r.Info("shown", 3, "/s")
	r.Share("share", 0.9, 0.85)
	r.Share("short", 0.8, 0.85)
	r.AtMost("late", 30, 25, "ms")
	r.Zero("none", 0)
	r.Zero("one", 1)
	for i, want := range []string{"–", "≥ 0.85, reached", "≥ 0.85, MISSED", "≤ 25.00 ms, MISSED", "0, reached", "0, MISSED"} {
		if got := r.Figures[i].Result(); got != want {
			t.Errorf("%s: %s, want %s", r.Figures[i].Name, got, want)
		}
	}
}
