package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestPartsStopInReverseOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var stopped []string
	l := newLifecycle(slog.New(slog.DiscardHandler), time.Second)
	for _, name := range []string{"pool", "worker", "server"} {
		l.onStop(name, func() {
			mu.Lock()
			defer mu.Unlock()
			stopped = append(stopped, name)
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.wait(ctx); err != nil {
		t.Fatal(err)
	}
	if want := []string{"server", "worker", "pool"}; !slices.Equal(stopped, want) {
		t.Fatalf("stopped in order %v, want %v", stopped, want)
	}
}

func TestAFailingPartStopsTheProcess(t *testing.T) {
	t.Parallel()
	released := false
	l := newLifecycle(slog.New(slog.DiscardHandler), time.Second)
	l.onStop("pool", func() { released = true })
	boom := errors.New("boom")
	l.start("server", func(context.Context) error { return boom })
	if err := l.wait(context.Background()); !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	if !released {
		t.Fatal("what the part stood on was not released")
	}
}

func TestReadinessOfCriticalAndOtherChecks(t *testing.T) {
	t.Parallel()
	down := func(context.Context) error { return errors.New("connection refused") }
	up := func(context.Context) error { return nil }
	for name, tc := range map[string]struct {
		database, smtp func(context.Context) error
		want           string
	}{
		"all up": {up, up, "ok"}, "smtp down": {up, down, "degraded"},
		"database down": {down, up, "unavailable"}, "both down": {down, down, "unavailable"},
	} {
		c := &readinessChecker{clock: time.Now, checks: []check{{"database", true, tc.database}, {"smtp", false, tc.smtp}}}
		if got := c.state(context.Background()); got.Status != tc.want {
			t.Errorf("%s: %+v, want %s", name, got, tc.want)
		}
	}
}

func TestReadinessIsProbedAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	now, probes := time.Unix(1000, 0), 0
	c := &readinessChecker{clock: func() time.Time { return now }, checks: []check{{"database", true, func(context.Context) error {
		probes++
		return nil
	}}}}
	for range 50 {
		c.state(context.Background())
	}
	now = now.Add(probeEvery)
	c.state(context.Background())
	if probes != 2 {
		t.Fatalf("%d probes, want 2", probes)
	}
}
