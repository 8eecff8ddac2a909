package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestFailuresBecomeResults(t *testing.T) {
	t.Parallel()
	w := &Worker{WorkerConfig: WorkerConfig{Now: time.Now, Jitter: func() float64 { return 0 }}, metrics: newMetrics(noRegistry{}, nil)}
	now := time.Now()
	cases := map[string]struct {
		row   Claimed
		err   SendError
		state State
		tries int
	}{
		"try again":           {Claimed{ExpiresIn: Forever}, SendError{Verdict: Retry, Reason: "rcpt_to"}, StateRetry, 1},
		"the relay is away":   {Claimed{ExpiresIn: Forever, Attempts: 99}, SendError{Verdict: Retry, Reason: "connect"}, StateRetry, 0},
		"refused":             {Claimed{ExpiresIn: Forever}, SendError{Verdict: Dead, Reason: "rcpt_to"}, StateDead, 1},
		"the last try":        {Claimed{ExpiresIn: Forever, Attempts: MaxAttempts - 1}, SendError{Verdict: Retry, Reason: "data"}, StateDead, 1},
		"unknown, again":      {Claimed{ExpiresIn: Forever}, SendError{Verdict: Unknown, Reason: "closed"}, StateRetry, 1},
		"unknown, hold":       {Claimed{ExpiresIn: Forever, HoldUnknown: true}, SendError{Verdict: Unknown, Reason: "closed"}, StateUnknown, 1},
		"no time for another": {Claimed{ExpiresIn: 500 * time.Millisecond}, SendError{Verdict: Retry, Reason: "data"}, StateExpired, 1},
	}
	for what, c := range cases {
		c.row.claimedAt = now
		if r := w.retry(&c.row, &c.err); r.State != c.state || r.Tries != c.tries || r.State == StateRetry && r.Delay < time.Second {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

func TestRepliesAreCleaned(t *testing.T) {
	t.Parallel()
	if got := clean("a\x00b\xffc"); got != "ab\uFFFDc" {
		t.Errorf("%q", got)
	}
	if got := clean(strings.Repeat("ü", 400)); len(got) != 500 || !strings.HasSuffix(got, "ü") {
		t.Errorf("%d bytes", len(got))
	}
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
	runWorker(t, s, slow, func(c *WorkerConfig) { c.Connections = 1 }, func(w *Worker, stop func()) {
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

func TestWorkerMarksTheBeginningOnlyWhereALapseMatters(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(1, nil)
	s.put(1, func(c *Claimed) { c.HoldUnknown = true })
	s.put(1, func(c *Claimed) { c.Lapses = 1 })
	runWorker(t, s, senderFunc(accept), nil, func(*Worker, func()) {
		time.Sleep(time.Second)
		if n, begun := len(s.done), len(s.begun); n != 3 || begun != 2 {
			t.Errorf("%d sent, %d begun", n, begun)
		}
	})
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
	runWorker(t, s, sender, func(c *WorkerConfig) { c.Sign, c.Connections = sign, 1 }, func(_ *Worker, stop func()) {
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
