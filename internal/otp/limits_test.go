package otp

import (
	"testing"
	"time"
)

func TestFreeIsASlidingWindow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ago := func(minutes ...int) (times []time.Time) {
		for _, m := range minutes {
			times = append(times, at.Add(-time.Duration(m)*time.Minute))
		}
		return times
	}
	for name, c := range map[string]struct {
		used []time.Time
		wait time.Duration
	}{
		"none":               {nil, 0},
		"room":               {ago(50, 40), 0},
		"full":               {ago(59, 40, 1), time.Minute},
		"full, one is old":   {ago(60, 40, 1), 0},
		"over the limit":     {ago(59, 58, 40, 1), 2 * time.Minute},
		"from the future":    {ago(30, 20, -1), 30 * time.Minute},
		"all of it to come":  {ago(-60, -61, -62), time.Hour}, // the clock was set back: the window, and no longer
		"all long ago":       {ago(600, 500, 400, 300), 0},
		"old and full":       {ago(600, 30, 20, 10), 30 * time.Minute},
		"out of their order": {ago(1, 59, 40, 600), 59 * time.Minute},
	} {
		if got := free(c.used, 3, at).Sub(at); got != c.wait {
			t.Errorf("%s: wait %v, want %v", name, got, c.wait)
		}
	}
}

func TestResendAt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	l := DefaultLimits(10 * time.Minute)
	sent := func(ago time.Duration) *Challenge { return &Challenge{SentAt: at.Add(-ago)} }
	for name, c := range map[string]struct {
		challenge *Challenge
		mailIn    time.Duration // from when the budget allows a mail
		wait      time.Duration
	}{
		"no challenge":          {nil, 0, 0},
		"just sent":             {sent(0), 0, time.Minute},
		"a minute ago":          {sent(time.Minute), 0, 0},
		"in half a minute":      {sent(-30 * time.Second), 0, time.Minute}, // the clock was set back: the pause, and no longer
		"in a minute":           {sent(-time.Minute), 0, time.Minute},
		"in an hour":            {sent(-time.Hour), 0, 0},
		"used up, in an hour":   {sent(-time.Hour), 20 * time.Minute, 20 * time.Minute},
		"budget used up":        {sent(30 * time.Minute), 20 * time.Minute, 20 * time.Minute},
		"used up and just sent": {sent(0), 30 * time.Second, time.Minute},
		"used up, no challenge": {nil, time.Minute, time.Minute},
		"free for some time":    {nil, -time.Minute, 0},
	} {
		if got := l.resendAt(c.challenge, Budget{MailAt: at.Add(c.mailIn)}, at).Sub(at); got != c.wait {
			t.Errorf("%s: wait %v, want %v", name, got, c.wait)
		}
	}
}

func TestAttemptsLeftIsTheSmaller(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	l := DefaultLimits(10 * time.Minute)
	wrong := func(n int) (times []time.Time) {
		for range n {
			times = append(times, at.Add(-time.Minute))
		}
		return times
	}
	for _, c := range []struct{ challenge, budget, left int }{{0, 0, 5}, {3, 3, 2}, {5, 5, 0}, {1, 9, 1}, {0, 10, 0}, {6, 11, 0}} {
		if got := l.attemptsLeft(&Challenge{Wrong: c.challenge}, Budget{Wrong: wrong(c.budget)}, at); got != c.left {
			t.Errorf("%d wrong here and %d in the hour: %d left, want %d", c.challenge, c.budget, got, c.left)
		}
	}
}
