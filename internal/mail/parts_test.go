package mail

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

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
