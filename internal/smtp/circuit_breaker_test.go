package smtp

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sespan/internal/devtools/smtptest"
)

// TestDegradedLimit: a relay whose dialogue breaks mail after mail is left alone, one that
// breaks now and then is not.
func TestDegradedLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(n int32) bool
		other  int32
	}{
		"always":   {func(int32) bool { return true }, 20 - degradedLimit},
		"at times": {func(n int32) bool { return n%degradedLimit != 0 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			first := smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet()
				for s.Expect("MAIL") {
					if c.breaks(n.Add(1)) {
						return
					}
					s.Reply("250 ok")
					s.AcceptEnvelope()
					s.ReadData()
					s.Reply("250 ok")
				}
			})
			second, taken := counted(t)
			configs := []Config{relayAt(t, first), relayAt(t, second)}
			for i := range configs {
				configs[i].MessagesPerConn = 1 // no kept connection: those are replaced without a word
			}
			r, err := NewRelays(configs, RelaysOptions{Pause: func(int) time.Duration { return time.Hour }})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close(context.Background())
			for i := range 20 {
				_, _ = r.Send(t.Context(), envelope(i)) // the queue tries those again
			}
			if taken.Load() != c.other {
				t.Fatalf("%d mails to the fail-over, want %d", taken.Load(), c.other)
			}
		})
	}
}

// TestHalfOpen: one mail at a time tries a relay that answers again.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	var b circuitBreaker
	if was, now := b.report(down); was != closed || now != open {
		t.Fatal("not open after a failure")
	}
	if b.allow() || b.ready() || !b.isOpen() {
		t.Fatal("an open breaker lets a mail through")
	}
	b.probed(false)
	b.probed(true)
	if !b.ready() || !b.allow() || b.allow() || b.ready() || b.isOpen() {
		t.Fatal("half open is one mail")
	}
	b.report(unknown) // the caller gave up: the next one may try
	if !b.allow() {
		t.Fatal("the trial is lost")
	}
	if was, now := b.report(degraded); was != halfOpen || now != open {
		t.Fatal("a failed trial must open it again")
	}
	b.probed(true)
	b.allow()
	if was, now := b.report(healthy); was != halfOpen || now != closed || !b.allow() || !b.allow() {
		t.Fatal("not closed after a mail that went well")
	}
	if probePause(1) != 5*time.Second || probePause(2) != 10*time.Second || probePause(3) != 20*time.Second || probePause(99) != longestProbePause {
		t.Error("the pauses are not as documented")
	}
}

// TestTrial: while the only relay is down no mail is ready to go; when it answers a
// probe a single mail tries it, and the others wait for the outcome.
func TestTrial(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]string{"taken": "250 ok", "not taken": "421 4.3.2 not yet"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { trial(t, verdict) })
		})
	}
}

func trial(t *testing.T, verdict string) {
	t.Helper()
	n := &network{away: connectionRefused}
	answer := make(chan struct{})
	var offered atomic.Int32
	n.verdict = func() string { offered.Add(1); <-answer; return verdict }
	r := n.relays(t, 1)
	n.begin()
	for range 2 { // the second one is not even tried
		_, err := r.Send(t.Context(), envelope(1))
		if !asSendError(t, err).RelayFailed() {
			t.Fatal(err)
		}
	}
	brief, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r.Ready(brief) == nil {
		t.Fatal("ready without a relay")
	}
	n.end()
	ctx, stop := context.WithCancel(t.Context())
	var sent atomic.Int32
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if r.Ready(ctx) != nil {
				return
			}
			if _, err := r.Send(ctx, envelope(i)); err == nil {
				sent.Add(1)
			}
		})
	}
	time.Sleep(longestProbePause)
	synctest.Wait()
	if offered.Load() != 1 || sent.Load() != 0 {
		t.Errorf("%d mails are offered to a relay on trial", offered.Load())
	}
	close(answer)
	time.Sleep(time.Second)
	if want := map[string]int32{"250 ok": 5}[verdict]; sent.Load() != want || want == 0 && offered.Load() != 1 {
		t.Errorf("%d offered, %d sent after the trial, want %d", offered.Load(), sent.Load(), want)
	}
	stop()
	wg.Wait()
}

// TestAllRelaysAreDown: the failure is the relay's, so it costs the mail no try; a probe
// finds the relay that is back.
func TestAllRelaysAreDown(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	second := smtptest.Script(t, func(_ int, s *smtptest.Session) {
		if !well.Load() {
			s.Reply("554 no")
			return
		}
		s.Greet()
		s.AcceptAll(ignore)
	})
	r, _ := twoRelays(t, nowhere, second)
	for range 3 {
		_, err := r.Send(t.Context(), envelope(1))
		if got := asSendError(t, err); !got.RelayFailed() {
			t.Fatalf("%+v is no failure of the relay", got)
		}
	}
	if err := r.Check(t.Context()); err == nil {
		t.Fatal("ready without a relay")
	}
	well.Store(true)
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Send(t.Context(), envelope(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err != nil {
		t.Fatalf("one relay is enough to be ready: %v", err)
	}
	if err := r.All()[0].Check(t.Context()); err == nil {
		t.Fatal("the first relay is still away")
	}
}
