package ratelimit

import (
	"regexp"
	"strings"
	"time"
)

// Reply is how a server answered a mail.
type Reply struct {
	Command    string // the refused one: mail_from, rcpt_to, data; "" when the mail was accepted
	Code       int    // SMTP code
	Enhanced   string // RFC 3463 status such as 4.7.1, "" when none
	Text       string
	RetryAfter time.Duration // the server asked to wait this long, 0 when it did not
}

// Change is what a reply has changed.
type Change struct {
	Scope  Scope
	Domain string        // with ScopeDomain
	Pause  time.Duration // nothing is sent for so long, then less; 0: the limit has ended
}

// Observe takes in how a mail to the domain went.
func (l *Limiter) Observe(domain string, r Reply) []Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if accepted := r.Code < 400; accepted || r.Code >= 500 {
		return l.succeeded(now, domain, accepted)
	}
	weight := strikeWeight(r)
	if weight == 0 {
		return nil
	}
	if r.Command == "mail_from" { // the relay does not know the recipient yet: it speaks of us
		return l.throttleAll(now, weight, r.RetryAfter)
	}
	one := l.domains[domain]
	if one == nil {
		one = l.add(domain, l.rate(domain), now)
	}
	var out []Change
	if one.adaptive.onThrottled(now, weight, r.RetryAfter, l.jitter()) {
		out = append(out, Change{ScopeDomain, domain, one.adaptive.closedUntil.Sub(now)})
	}
	if weight == throttles && domain != l.lastThrottled {
		l.lastThrottled = domain
		out = append(out, l.throttleAll(now, weight, 0)...)
	}
	return out
}

func (l *Limiter) throttleAll(now time.Time, weight int, asked time.Duration) []Change {
	if !l.all.adaptive.onThrottled(now, weight, asked, l.jitter()) {
		return nil
	}
	return []Change{{Scope: ScopeAll, Pause: l.all.adaptive.closedUntil.Sub(now)}}
}

// succeeded takes in a mail that was accepted or refused for good. What was refused
// says nothing about the relay's own rate.
func (l *Limiter) succeeded(now time.Time, domain string, accepted bool) (out []Change) {
	if one := l.domains[domain]; one != nil && one.adaptive.onSuccess(now) {
		out = append(out, Change{Scope: ScopeDomain, Domain: domain})
	}
	if accepted && l.all.adaptive.onSuccess(now) {
		out = append(out, Change{Scope: ScopeAll})
	}
	return out
}

var (
	throttleWords = regexp.MustCompile(`(?i)too many|too fast|throttl|slow down|rate (?:is |was )?(?:limit|exceed)|(?:limit|quota|rate)s? (?:has been |was |is )?(?:exceeded|reached)`)
	greyWords     = regexp.MustCompile(`(?i)gr[ea]y-?list`)
)

// throttles is the weight of a reply that asks for fewer mails.
const throttles = 2

// strikeWeight is how many strikes a reply is: 2 where the server says that it wants
// fewer mails, 1 for another temporary refusal, 0 where the cause is the recipient's
// own mailbox, greylisting, which wants the same mail again, or the relay itself.
func strikeWeight(r Reply) int {
	switch {
	case r.Code < 400 || r.Code > 499 || r.Command != "mail_from" && r.Command != "rcpt_to" && r.Command != "data":
		return 0
	case greyWords.MatchString(r.Text) || strings.HasPrefix(r.Enhanced, "4.2.") || strings.HasPrefix(r.Enhanced, "4.1."):
		return 0
	case strings.HasPrefix(r.Enhanced, "4.7.") || throttleWords.MatchString(r.Text):
		return throttles
	case r.Command == "mail_from", r.Code == 421 && r.Enhanced != "", r.Code == 450 && r.Enhanced == "": // the relay ends; the mailbox is busy
		return 0
	}
	return 1
}
