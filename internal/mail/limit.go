package mail

import (
	"strings"
	"sync"
	"time"
)

// Limits are mails a second that a process sends at most; 0 is no limit.
type Limits struct {
	Rate       float64            // to all
	DomainRate float64            // to each domain that Domains does not name
	Domains    map[string]float64 // by domain, lower case
}

// Reasons of a mail that was held back.
const (
	reasonLimited = "limited" // a configured rate
	reasonBreaker = "breaker" // a rate that a domain or the relay has taught
)

const (
	// inPlace is the longest that a sender waits for the rate of all mails. Longer
	// waits go to the database, where urgent mails can overtake.
	inPlace = 250 * time.Millisecond
	// maxFlows is when the domains that are at rest are forgotten.
	maxFlows = 4096
)

// limiter decides whether a mail may go now. What may not is held back: it returns
// to the queue with the time at which it will be let through, so that the mails
// behind it have their turn. Nothing is asked twice in a short while: a held mail
// gets the next free slot of its domain, and slots are as far apart as the rate
// allows, so each of 100,000 mails to one slow domain is moved once.
//
// Urgent mails overtake: each priority has its own row of slots, behind those of
// the more urgent ones only, and may overdraw the account the further the more
// urgent it is; the less urgent ones then wait for it to be even again.
type limiter struct {
	limits Limits
	now    func() time.Time
	jitter func() float64

	mu        sync.Mutex
	all       flow
	domains   map[string]*flow
	lastSlow  string // the domain of the last throttled mail
	forgotten time.Time
}

func newLimiter(l Limits, now func() time.Time, jitter func() float64) *limiter {
	return &limiter{limits: l, now: now, jitter: jitter, all: newFlow(l.Rate, now()), domains: map[string]*flow{}}
}

// pass is the answer of the limiter to one mail.
type pass struct {
	wait   time.Duration // 0: send it now
	hold   bool          // give it back for so long; else wait in place
	reason string
	by     string // the metric's label
}

// ask asks for one mail. Fresh: it was not held back before.
func (l *limiter) ask(domain string, priority int, fresh bool) pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	one := l.flow(domain, now)
	if one != nil {
		if wait, reason := one.take(now, priority, fresh); wait > 0 {
			return pass{wait, true, reason, "domain"}
		}
	}
	if wait := l.all.takeSoon(now, priority, inPlace); wait >= 0 {
		return pass{wait: wait}
	}
	wait, reason := l.all.take(now, priority, fresh)
	if wait > 0 && one != nil {
		one.giveBack()
	}
	return pass{wait, wait > 0, reason, "all"}
}

// flow gives what is known of a domain; nil when it has no limit and taught none.
func (l *limiter) flow(domain string, now time.Time) *flow {
	if f := l.domains[domain]; f != nil {
		return f
	}
	if rate := l.rate(domain); rate > 0 {
		return l.add(domain, rate, now)
	}
	return nil
}

func (l *limiter) rate(domain string) float64 {
	if rate, ok := l.limits.Domains[domain]; ok {
		return rate
	}
	return l.limits.DomainRate
}

func (l *limiter) add(domain string, rate float64, now time.Time) *flow {
	if len(l.domains) >= maxFlows && now.Sub(l.forgotten) > 10*time.Second {
		l.forgotten = now
		for name, f := range l.domains {
			if f.resting(now) {
				delete(l.domains, name)
			}
		}
	}
	f := newFlow(rate, now)
	l.domains[domain] = &f
	return &f
}

// domainOf is the part after the @ in lower case.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
