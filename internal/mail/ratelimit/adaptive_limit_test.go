package ratelimit

import (
	"testing"
	"time"
)

func throttled(*modelMail) *Reply {
	return &Reply{Command: "rcpt_to", Code: 421, Enhanced: "4.7.28", Text: "too many messages from your network"}
}

// TestThrottlingDomainIsLeftAlone while others are served, and then slowly found out.
func TestThrottlingDomainIsLeftAlone(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{})
	tries, throttling := 0, true
	q.respond = func(m *modelMail) *Reply {
		if m.domain != "bad.example" {
			return nil
		}
		if tries++; throttling {
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
	throttling = false
	q.run(2 * time.Hour)
	if len(q.sent) != 21_000 {
		t.Errorf("%d of 21000 are sent two hours after", len(q.sent))
	}
	if domains, rate := q.l.Slowed(); domains != 0 || rate != 0 {
		t.Errorf("%d domains are slowed still, all at %v", domains, rate)
	}
}

// TestUrgentMailsToASlowedDomain go before the thousands that wait for it.
func TestUrgentMailsToASlowedDomain(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{})
	throttling, tries := true, 0
	q.respond = func(m *modelMail) *Reply {
		if tries++; throttling || tries%3 > 0 { // it stays slow
			return throttled(m)
		}
		return nil
	}
	q.put(20_000, "a.example", 9)
	q.run(30 * time.Second)
	throttling = false
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
	q := newQueueModel(t, Limits{})
	var tried []time.Time
	q.respond = func(m *modelMail) *Reply {
		if tried = append(tried, q.now); len(tried) > 1 {
			return nil
		}
		e := throttled(m)
		e.RetryAfter = 10 * time.Minute
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
			q := newQueueModel(t, Limits{})
			throttling, tries := true, 0
			q.respond = func(*modelMail) *Reply {
				if tries++; throttling {
					return &Reply{Command: reason, Code: 454, Text: "Throttling failure: Maximum sending rate exceeded."}
				}
				return nil
			}
			for i := range 200 {
				q.put(1, string(rune('a'+i%4))+".example", 5)
			}
			q.run(10 * time.Second)
			if _, rate := q.l.Slowed(); rate != firstRate || tries > 10 {
				t.Fatalf("rate of all %v after %d tries", rate, tries)
			}
			throttling = false
			q.run(10 * time.Minute)
			if len(q.sent) != 200 {
				t.Errorf("%d of 200 are sent", len(q.sent))
			}
		})
	}
}

// TestAFewRefusalsAreForgotten: successes between, or time.
func TestAFewRefusalsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	l := New(Limits{}, func() time.Time { return now }, func() float64 { return 0 })
	for i := range 100 {
		l.Observe("a.example", *throttled(nil))
		l.Observe("a.example", *throttled(nil))
		if i%2 == 0 {
			l.Observe("a.example", Reply{Code: 250})
		} else {
			now = now.Add(strikeLife + time.Second)
		}
	}
	if domains, _ := l.Slowed(); domains != 0 {
		t.Error("slowed down")
	}
	for range enoughStrikes / 2 {
		l.Observe("a.example", *throttled(nil))
	}
	if domains, _ := l.Slowed(); domains != 1 {
		t.Error("not slowed down")
	}
	now = now.Add(longestPause + limitLife)
	if domains, _ := l.Slowed(); domains != 0 {
		t.Error("never forgotten")
	}
}
