package ratelimit

import (
	"sync"
	"time"
)

// Priorities is the number of a mail's priorities; 0 goes first.
const Priorities = 10

// Limits are mails a second that all processes together send at most; 0 is no limit.
type Limits struct {
	Rate       float64            // to all
	DomainRate float64            // to each domain that Domains does not name
	Domains    map[string]float64 // by domain, lower case
}

// Reason of a mail that is postponed; a value of mail_queue.last_reason.
type Reason string

// The closed list of reasons.
const (
	Configured Reason = "limited" // a configured rate
	Adaptive   Reason = "breaker" // a rate that was found out
)

// Scope says whose rate it is.
type Scope string

// The closed list of scopes.
const (
	ScopeDomain Scope = "domain"
	ScopeAll    Scope = "all"
)

const (
	// inPlace is the longest that a sender waits for the rate of all mails. Longer
	// waits go to the database, where urgent mails can overtake.
	inPlace = 250 * time.Millisecond
	// maxDomains is when the domains that nothing is known of any more are forgotten.
	maxDomains = 4096
)

// Limiter decides whether a mail may go now. See doc.go.
type Limiter struct {
	limits Limits
	now    func() time.Time
	jitter func() float64 // in [0, 1)

	mu            sync.Mutex
	senders       float64 // processes among which the configured rates are divided
	all           limit
	domains       map[string]*limit
	lastThrottled string // the domain of the last throttled mail
	swept         time.Time
}

// New makes a Limiter.
func New(l Limits, now func() time.Time, jitter func() float64) *Limiter {
	return &Limiter{limits: l, now: now, jitter: jitter, senders: 1, all: newLimit(l.Rate, now()), domains: map[string]*limit{}}
}

// Share says how many processes send, this one among them: each takes its share of the
// configured rates. What one has found out of a domain is its own.
func (l *Limiter) Share(senders int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := float64(max(senders, 1)); n != l.senders {
		l.senders = n
		now := l.now()
		l.all.configure(now, l.limits.Rate/n)
		for domain, ofDomain := range l.domains {
			ofDomain.configure(now, l.rate(domain))
		}
	}
}

// Decision is the answer to one mail.
type Decision struct {
	Wait     time.Duration // 0: send it now
	Postpone bool          // give it back for so long; else wait in place
	Reason   Reason        // of a postponed mail, and
	Scope    Scope         // whose rate it is
}

// Admit asks for one mail. Fresh: it was not postponed before.
func (l *Limiter) Admit(domain string, priority int, fresh bool) Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	ofDomain := l.limitOf(domain, now)
	if ofDomain != nil {
		if wait, reason := ofDomain.check(now, priority, fresh); wait > 0 {
			return Decision{wait, true, reason, ScopeDomain}
		}
	}
	wait, soon := l.all.checkSoon(now, priority)
	if !soon {
		if wait, reason := l.all.check(now, priority, fresh); wait > 0 {
			return Decision{wait, true, reason, ScopeAll}
		}
	}
	if ofDomain != nil {
		ofDomain.take(now)
	}
	l.all.take(now)
	return Decision{Wait: wait}
}

// limitOf gives the limit of a domain, nil where it has none.
func (l *Limiter) limitOf(domain string, now time.Time) *limit {
	if ofDomain := l.domains[domain]; ofDomain != nil {
		return ofDomain
	}
	if rate := l.rate(domain); rate > 0 {
		return l.add(domain, rate, now)
	}
	return nil
}

// rate is this process's share of a domain's rate.
func (l *Limiter) rate(domain string) float64 {
	if rate, ok := l.limits.Domains[domain]; ok {
		return rate / l.senders
	}
	return l.limits.DomainRate / l.senders
}

func (l *Limiter) add(domain string, rate float64, now time.Time) *limit {
	if len(l.domains) >= maxDomains && now.Sub(l.swept) > 10*time.Second {
		l.swept = now
		for name, ofDomain := range l.domains {
			if ofDomain.idle(now) {
				delete(l.domains, name)
			}
		}
	}
	ofDomain := newLimit(rate, now)
	l.domains[domain] = &ofDomain
	return &ofDomain
}

// Slowed gives the number of domains with an adaptive limit, and that of all mails in
// mails a second, 0 for none.
func (l *Limiter) Slowed() (domains int, all float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, ofDomain := range l.domains {
		if ofDomain.adaptive.active(now) {
			domains++
		}
	}
	if l.all.adaptive.active(now) {
		all = l.all.adaptive.bucket.rate
	}
	return domains, all
}
