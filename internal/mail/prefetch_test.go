package mail

import (
	"testing"
	"time"
)

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
