package mail

import (
	"testing"
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
