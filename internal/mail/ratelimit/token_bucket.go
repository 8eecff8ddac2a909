package ratelimit

import (
	"time"

	"golang.org/x/time/rate"
)

// bucket is the account of one domain, or of all mails: its two limits, and the slots
// that were given to postponed mails.
type bucket struct {
	configured *rate.Limiter // nil: no rate is configured
	adaptive   adaptiveLimit

	admitted time.Time // when a mail was last let through
	// The last slots given: to mails that had none yet, and to those that came back
	// and found the bucket overdrawn.
	first, again slots
}

// slots are the last slot given to each priority.
type slots [Priorities]time.Time

// last gives the last slot of this priority or a more urgent one.
func (s *slots) last(priority int) time.Time {
	var last time.Time
	for _, t := range s[:priority+1] {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func newBucket(perSecond float64, now time.Time) bucket {
	b := bucket{admitted: now}
	if perSecond > 0 {
		b.configured = rate.NewLimiter(rate.Limit(perSecond*perMail), int(burst(perSecond)*perMail))
	}
	return b
}

// perMail is a mail's price in the tokens of x/time/rate, whose burst is a whole number
// of them: half a second's worth is often no whole number of mails.
const perMail = 1000

// burst is what may go at once: half a second's worth, one mail at least.
func burst(perSecond float64) float64 { return max(perSecond/2, 1) }

const (
	// unclaimed is how long slots count that nobody comes for: their mails were
	// cancelled, or another process has them.
	unclaimed = 10 * time.Second
	// early is the part of a token that a mail in its slot may come too early: two
	// clocks and a rounding lie between.
	early = 0.5
	// overtake lets the usual priority, 5, pass between mails that come on time.
	overtake = 3 * early
)

// check gives 0 when the mail may go; else it gives the mail a slot and answers the
// time until then.
func (b *bucket) check(now time.Time, priority int, fresh bool) (wait time.Duration, reason Reason) {
	if wait := b.adaptive.check(now, priority); wait > 0 {
		return wait, Adaptive
	}
	if b.configured == nil {
		return 0, ""
	}
	if now.Sub(b.admitted) > unclaimed+b.gap(3) {
		b.first, b.again = slots{}, slots{}
	}
	given, missing := &b.again, b.missing(now, priority)-early
	if fresh {
		given, missing = &b.first, b.missing(now, priority)
	}
	last := given.last(priority)
	if missing <= 0 && (!fresh || !last.After(now)) {
		b.admitted = now
		return 0, ""
	}
	slot := now.Add(b.gap(max(1-b.tokens(now), 0))) // even, not overdrawn
	if next := last.Add(b.gap(1)); next.After(slot) {
		slot = next
	}
	given[priority] = slot
	return max(slot.Sub(now), time.Millisecond), Configured
}

// checkSoon says whether there will be a token soon enough to wait for it in place,
// and when. An adaptive limit is not waited for.
func (b *bucket) checkSoon(now time.Time, priority int) (wait time.Duration, soon bool) {
	if b.adaptive.active(now) {
		return 0, false
	}
	if b.configured == nil {
		return 0, true
	}
	wait = b.gap(max(b.missing(now, priority), 0))
	if wait > inPlace {
		return 0, false
	}
	b.admitted = now
	return wait, true
}

// take takes a token, from an overdrawn bucket too: check has decided.
func (b *bucket) take(now time.Time) {
	b.adaptive.take(now)
	if b.configured != nil {
		b.configured.ReserveN(now, perMail)
	}
}

// missing is how many tokens there are too few; the most urgent mails may overdraw
// the bucket, the least urgent not at all. In between it must suffice to overtake
// the least urgent ones, which keep the bucket at half a token below nothing.
func (b *bucket) missing(now time.Time, priority int) float64 {
	return 1 - b.tokens(now) - (b.full()+overtake)*urgency(priority)
}

// urgency is 1 for the most urgent priority and 0 for the least.
func urgency(priority int) float64 { return float64(Priorities-1-priority) / (Priorities - 1) }

// tokens is how many mails may go; below zero the bucket is overdrawn.
func (b *bucket) tokens(now time.Time) float64 { return b.configured.TokensAt(now) / perMail }

// full is the most that tokens can be.
func (b *bucket) full() float64 { return float64(b.configured.Burst()) / perMail }

// gap is the time in which so many tokens come.
func (b *bucket) gap(tokens float64) time.Duration {
	return time.Duration(tokens * perMail / float64(b.configured.Limit()) * float64(time.Second))
}

// idle reports whether nothing would be lost by forgetting the bucket.
func (b *bucket) idle(now time.Time) bool {
	if b.adaptive.remembers(now) {
		return false
	}
	return b.configured == nil || b.tokens(now) >= b.full() &&
		!b.first.last(Priorities-1).After(now) && !b.again.last(Priorities-1).After(now)
}
