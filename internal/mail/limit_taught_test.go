package mail

import (
	"testing"
	"time"
)

func throttled(*limitedMail) *SendError {
	return &SendError{Verdict: Retry, Reason: "rcpt_to", Code: 421, Enhanced: "4.7.28", Reply: "too many messages from your network"}
}

// TestThrottlingDomainIsLeftAlone while others are served, and then slowly found out.
func TestThrottlingDomainIsLeftAlone(t *testing.T) {
	t.Parallel()
	q := newLimitedQueue(t, Limits{})
	tries, ill := 0, true
	q.respond = func(m *limitedMail) *SendError {
		if m.domain != "bad.example" {
			return nil
		}
		if tries++; ill {
			return throttled(m)
		}
		return nil
	}
	q.put(20_000, "bad.example", 5)
	q.put(1000, "good.example", 5)
	begin := q.now
	q.run(10 * time.Second)
	for _, m := range q.sent {
		if m.moves > 0 || m.out.Sub(begin) > 5*time.Second {
			t.Fatalf("a neighbour was moved %d times and sent after %v", m.moves, m.out.Sub(begin))
		}
	}
	if len(q.sent) != 1000 {
		t.Fatalf("%d of 1000 neighbours are sent", len(q.sent))
	}
	q.run(10 * time.Minute)
	if tries > 15 {
		t.Errorf("%d tries at a domain that refuses for ten minutes", tries)
	}
	if q.moves > 20_000+10*60*110 { // each at first, then a hundred a second
		t.Errorf("%d moves in ten minutes", q.moves)
	}
	ill = false
	q.run(2 * time.Hour)
	if len(q.sent) != 21_000 {
		t.Errorf("%d of 21000 are sent two hours after", len(q.sent))
	}
	if domains, rate := q.l.slow(); domains != 0 || rate != 0 {
		t.Errorf("%d domains are slowed still, all at %v", domains, rate)
	}
}

// TestUrgentMailsToASlowedDomain go before the thousands that wait for it.
func TestUrgentMailsToASlowedDomain(t *testing.T) {
	t.Parallel()
	q := newLimitedQueue(t, Limits{})
	ill, tries := true, 0
	q.respond = func(m *limitedMail) *SendError {
		if tries++; ill || tries%3 > 0 { // it stays slow
			return throttled(m)
		}
		return nil
	}
	q.put(20_000, "a.example", 9)
	q.run(30 * time.Second)
	ill = false
	q.put(1, "a.example", 0)
	q.run(30 * time.Minute)
	for i, m := range q.sent {
		if m.priority == 0 {
			if i > 3 {
				t.Errorf("%d of the newsletter went before", i)
			}
			return
		}
	}
	t.Errorf("the urgent mail is not among the %d sent", len(q.sent))
}

// TestServerNamesThePause: once is enough, and for so long nothing is tried.
func TestServerNamesThePause(t *testing.T) {
	t.Parallel()
	q := newLimitedQueue(t, Limits{})
	var tried []time.Time
	q.respond = func(m *limitedMail) *SendError {
		if tried = append(tried, q.now); len(tried) > 1 {
			return nil
		}
		e := throttled(m)
		e.After = 10 * time.Minute
		return e
	}
	q.put(100, "a.example", 5)
	q.run(time.Hour)
	if wait := tried[1].Sub(tried[0]); wait < 10*time.Minute || wait > 13*time.Minute {
		t.Errorf("tried again after %v", wait)
	}
	if len(q.sent) != 100 {
		t.Errorf("%d of 100 are sent", len(q.sent))
	}
}

// TestRelayThrottles: the provider's own rate, whatever the domain.
func TestRelayThrottles(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"mail_from", "data"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			q := newLimitedQueue(t, Limits{})
			ill, tries := true, 0
			q.respond = func(*limitedMail) *SendError {
				if tries++; ill {
					return &SendError{Verdict: Retry, Reason: reason, Code: 454, Reply: "Throttling failure: Maximum sending rate exceeded."}
				}
				return nil
			}
			for i := range 200 {
				q.put(1, string(rune('a'+i%4))+".example", 5)
			}
			q.run(10 * time.Second)
			if _, rate := q.l.slow(); rate != firstRate || tries > 10 {
				t.Fatalf("rate of all %v after %d tries", rate, tries)
			}
			ill = false
			q.run(10 * time.Minute)
			if len(q.sent) != 200 {
				t.Errorf("%d of 200 are sent", len(q.sent))
			}
		})
	}
}

// TestWhatIsNoThrottling: a single mailbox, greylisting, a refusal for good.
func TestWhatIsNoThrottling(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		e      SendError
		weight int
	}{
		"421 of whom":     {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 421}, 1},
		"421 of a domain": {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 421, Enhanced: "4.7.0"}, 2},
		"421 of a relay":  {SendError{Verdict: Retry, Reason: "data", Code: 421, Enhanced: "4.3.2"}, 0},
		"4.7.x":           {SendError{Verdict: Retry, Reason: "data", Code: 451, Enhanced: "4.7.650"}, 2},
		"words":           {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 452, Reply: "Too many recipients received this hour"}, 2},
		"rate limited":    {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 450, Reply: "Client host is being rate limited"}, 2},
		"storage":         {SendError{Verdict: Retry, Reason: "data", Code: 452, Enhanced: "4.3.1"}, 1},
		"local error":     {SendError{Verdict: Retry, Reason: "data", Code: 451}, 1},
		"mailbox full":    {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 452, Enhanced: "4.2.2"}, 0},
		"mailbox busy":    {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 450}, 0},
		"greylisting":     {SendError{Verdict: Retry, Reason: "rcpt_to", Code: 451, Enhanced: "4.7.1", Reply: "Greylisting in action, come back later"}, 0},
		"for good":        {SendError{Verdict: Dead, Reason: "rcpt_to", Code: 550}, 0},
		"unknown":         {SendError{Verdict: Unknown, Reason: "closed"}, 0},
		"no sender":       {SendError{Verdict: Retry, Reason: "mail_from", Code: 421}, 0},
		"the account":     {SendError{Verdict: Retry, Reason: "mail_from", Code: 454, Enhanced: "4.7.0"}, 2},
		"relay away":      {SendError{Verdict: Retry, Reason: "connect"}, 0},
		"a broken relay":  {SendError{Verdict: Retry, Reason: "greeting", Code: 421}, 0},
		"not temporarily": {SendError{Verdict: Retry, Reason: "data", Code: 503}, 0},
	}
	for name, c := range cases {
		if got := throttling(&c.e); got != c.weight {
			t.Errorf("%s: %d, want %d", name, got, c.weight)
		}
	}
}

// TestAFewRefusalsAreForgotten: successes between, or time.
func TestAFewRefusalsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	l := newLimiter(Limits{}, func() time.Time { return now }, func() float64 { return 0 })
	for i := range 100 {
		l.learn("a.example", throttled(nil))
		l.learn("a.example", throttled(nil))
		if i%2 == 0 {
			l.learn("a.example", nil)
		} else {
			now = now.Add(strikeLife + time.Second)
		}
	}
	if domains, _ := l.slow(); domains != 0 {
		t.Error("slowed down")
	}
	for range enoughStrikes / 2 {
		l.learn("a.example", throttled(nil))
	}
	if domains, _ := l.slow(); domains != 1 {
		t.Error("not slowed down")
	}
	now = now.Add(longestPause + taughtLife)
	if domains, _ := l.slow(); domains != 0 {
		t.Error("never forgotten")
	}
}
