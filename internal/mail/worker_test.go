package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/problem"
)

func TestWorkerSleepsUntilTheBellOrThePoll(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	inBubble(t, s, senderFunc(takes), nil, func(*Worker, func()) {
		idle := look(s, func() int { return s.claims })
		time.Sleep(time.Hour)
		if polls := look(s, func() int { return s.claims }) - idle; polls < 3600/7 || polls > 2*3600/3 {
			t.Errorf("%d claims in an idle hour", polls)
		}
		if !s.put(1, nil) {
			t.Fatal("the flag is up while the worker sleeps")
		}
		synctest.Wait()
		if n := look(s, func() int { return len(s.done) }); n != 1 {
			t.Error("the bell did not wake the worker at once")
		}
	})
}

// Large mails are not claimed ahead by the dozen: their content would fill the memory.
func TestWorkerHoldsLittleContent(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(50, func(c *Claimed) { c.Size = 20 << 20 })
	var begin chan struct{} // made in the bubble
	sender := senderFunc(func(context.Context, Envelope) (Receipt, error) { <-begin; return Receipt{}, nil })
	inBubble(t, s, sender, func(*WorkerConfig) { begin = make(chan struct{}) }, func(*Worker, func()) {
		time.Sleep(time.Minute)
		held := look(s, func() int {
			n := 0
			for _, r := range s.rows {
				if r.state == StateSending {
					n++
				}
			}
			return n
		})
		if held < 1 || held > 4 {
			t.Errorf("%d mails of 20 MiB are held", held)
		}
		close(begin)
		time.Sleep(time.Minute)
		if n := look(s, func() int { return len(s.done) }); n != 50 {
			t.Errorf("%d of 50 are sent", n)
		}
	})
}

func TestWorkerRaisesTheFlagInARushAndLowersItAfterwards(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	var begin chan struct{} // made in the bubble
	sender := senderFunc(func(context.Context, Envelope) (Receipt, error) { <-begin; return Receipt{}, nil })
	inBubble(t, s, sender, func(*WorkerConfig) { begin = make(chan struct{}) }, func(*Worker, func()) {
		s.put(1000, nil)
		synctest.Wait()
		if s.put(1, nil) {
			t.Error("an insert rings in the middle of a rush")
		}
		time.Sleep(time.Minute) // full, and still awake
		if s.put(1, nil) {
			t.Error("an insert rings while the worker has more than it can do")
		}
		close(begin)
		time.Sleep(time.Second)
		if n := look(s, func() int { return len(s.done) }); n != 1002 {
			t.Errorf("%d of 1002 are sent", n)
		}
		if !s.put(1, nil) {
			t.Error("the flag is still up after the rush")
		}
	})
}

// A transaction that stays open for a minute costs about one look a second, and
// what it commits without a bell is found within that second.
func TestWorkerDozesWhileOthersMayInsertSilently(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.others = 1
	inBubble(t, s, senderFunc(takes), func(c *WorkerConfig) { c.Poll = time.Hour }, func(*Worker, func()) {
		time.Sleep(time.Minute)
		if n := look(s, func() int { return s.claims }); n < 60 || n > 75 {
			t.Errorf("%d looks in a minute", n)
		}
		s.mu.Lock() // a commit without a bell
		s.rows[1024] = &fakeRow{Claimed: Claimed{Lease: Lease{QueueID: 1024}, ExpiresIn: Forever, Stored: &Stored{Date: time.Now(), Text: "x"}}, state: StateQueued}
		s.others = 0
		s.mu.Unlock()
		time.Sleep(longestRecheck + time.Millisecond)
		if n := look(s, func() int { return len(s.done) }); n != 1 {
			t.Error("not found by the last look")
		}
		claims := look(s, func() int { return s.claims })
		time.Sleep(30 * time.Minute)
		if more := look(s, func() int { return s.claims }) - claims; more > 3 {
			t.Errorf("%d claims although nothing is to be watched any more", more)
		}
	})
}

func TestWorkerWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sent := 0
	inBubble(t, s, senderFunc(func(context.Context, Envelope) (Receipt, error) { sent++; return Receipt{}, nil }),
		func(c *WorkerConfig) { c.Connections = 1 }, func(w *Worker, _ func()) {
			s.put(2, nil)
			s.mu.Lock()
			s.failSettle = func([]Result) error { return problem.New(problem.Unavailable, "away") }
			s.mu.Unlock()
			time.Sleep(10 * time.Second)
			s.mu.Lock()
			s.fail = func() error { return problem.New(problem.Unavailable, "away") }
			s.mu.Unlock()
			time.Sleep(10 * time.Second)
			s.mu.Lock()
			s.fail, s.failSettle = func() error { return nil }, func([]Result) error { return nil }
			s.mu.Unlock()
			time.Sleep(20 * time.Second)
			if n := look(s, func() int { return len(s.done) }); n != 2 || sent != 2 {
				t.Errorf("%d results written, %d sent; want both once", n, sent)
			}
			if v := testutil.ToFloat64(w.metrics.events.WithLabelValues(eventSent)); v != 2 {
				t.Errorf("sent metric %v", v)
			}
		})
}

func TestWorkerLosesOnlyTheResultThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.failSettle = func(list []Result) error {
		for _, r := range list {
			if r.QueueID == 5*1024 {
				return errors.New("a value that the database refuses")
			}
		}
		return nil
	}
	s.put(20, nil)
	inBubble(t, s, senderFunc(takes), nil, func(*Worker, func()) {
		time.Sleep(time.Second)
		if n := look(s, func() int { return len(s.done) }); n != 19 {
			t.Errorf("%d of 19 good results are written", n)
		}
	})
}

func TestWorkerDoesNotSendWhatItHasLost(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.loseLeases = true
	s.put(3, nil)
	sent := 0
	slow := senderFunc(func(context.Context, Envelope) (Receipt, error) {
		time.Sleep(25 * time.Second)
		sent++
		return Receipt{}, nil
	})
	inBubble(t, s, slow, func(c *WorkerConfig) { c.Connections = 1 }, func(w *Worker, stop func()) {
		time.Sleep(40 * time.Second)
		stop()
		if sent != 1 {
			t.Errorf("%d sent; the second and third came after the lease", sent)
		}
		if v := testutil.ToFloat64(w.metrics.events.WithLabelValues(eventLapsed)); v != 2 {
			t.Errorf("lapsed metric %v", v)
		}
	})
}

func TestWorkerNotesTheBeginningOnlyWhereALapseMatters(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(1, nil)
	s.put(1, func(c *Claimed) { c.Hold = true })
	s.put(1, func(c *Claimed) { c.Lapses = 1 })
	inBubble(t, s, senderFunc(takes), nil, func(*Worker, func()) {
		time.Sleep(time.Second)
		if n, begun := len(s.done), len(s.begun); n != 3 || begun != 2 {
			t.Errorf("%d sent, %d begun", n, begun)
		}
	})
}

func TestWorkerStopsWithinItsDrain(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(100, nil)
	hangs := senderFunc(func(ctx context.Context, _ Envelope) (Receipt, error) {
		<-ctx.Done()
		return Receipt{}, &SendError{Verdict: Unknown, Reason: "closed", Err: ctx.Err()}
	})
	inBubble(t, s, hangs, nil, func(_ *Worker, stop func()) {
		begin := time.Now()
		stop()
		if d := time.Since(begin); d < 20*time.Second || d > 21*time.Second {
			t.Errorf("stopped after %v, want the drain of 20 s", d)
		}
		sending := 0
		for _, r := range s.rows {
			if r.state == StateSending {
				sending++
			}
		}
		if sending != 0 || len(s.rows) != 100 {
			t.Errorf("%d of %d rows are left as sending", sending, len(s.rows))
		}
		if !s.awake.IsZero() {
			t.Error("the flag is left up")
		}
	})
}

func TestWorkerWantsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := NewWorker(WorkerConfig{}); err == nil {
		t.Error("nothing at all is enough")
	}
}

// TestWorkerSigns what it has composed; what cannot be signed is dead, not unsigned.
func TestWorkerSigns(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	var got []string
	sender := senderFunc(func(_ context.Context, e Envelope) (Receipt, error) {
		got = append(got, string(e.Data))
		return Receipt{}, nil
	})
	sign := func(m []byte) ([]byte, error) {
		if strings.Contains(string(m), "Subject: bad") {
			return nil, errors.New("no")
		}
		return append([]byte("DKIM-Signature: d=b.co\r\n"), m...), nil
	}
	s.put(1, nil)
	s.put(1, func(c *Claimed) {
		c.Stored = &Stored{Date: time.Unix(1, 0), To: []string{"a@b.co"}, Subject: "bad", Text: "t"}
	})
	inBubble(t, s, sender, func(c *WorkerConfig) { c.Sign, c.Connections = sign, 1 }, func(_ *Worker, stop func()) {
		time.Sleep(time.Second)
		stop()
		if len(got) != 1 || !strings.HasPrefix(got[0], "DKIM-Signature: d=b.co\r\nDate:") {
			t.Errorf("sent: %.80q", got)
		}
		if r := s.done[2*1024]; r.State != StateDead || r.Reason != reasonSigning {
			t.Errorf("%s", fmt.Sprintf("%+v", r))
		}
	})
}
