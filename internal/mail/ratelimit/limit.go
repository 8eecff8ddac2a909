package ratelimit

import "time"

// limit is that of one domain, or of all mails: the configured rate, the adaptive one,
// and the slots that were given to postponed mails.
type limit struct {
	configured tokenBucket
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

func newLimit(perSecond float64, now time.Time) limit {
	return limit{configured: newTokenBucket(perSecond, burst(perSecond), now), admitted: now}
}

// configure changes the configured rate; slots that were given stay.
func (l *limit) configure(now time.Time, perSecond float64) {
	l.configured.setRate(now, perSecond, burst(perSecond))
}

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
func (l *limit) check(now time.Time, priority int, fresh bool) (wait time.Duration, reason Reason) {
	if wait := l.adaptive.check(now, priority); wait > 0 {
		return wait, Adaptive
	}
	if !l.configured.limited() {
		return 0, ""
	}
	if now.Sub(l.admitted) > unclaimed+l.configured.gap(3) {
		l.first, l.again = slots{}, slots{}
	}
	given, missing := &l.again, l.missing(now, priority)-early
	if fresh {
		given, missing = &l.first, l.missing(now, priority)
	}
	last := given.last(priority)
	if missing <= 0 && (!fresh || !last.After(now)) {
		l.admitted = now
		return 0, ""
	}
	slot := now.Add(l.configured.gap(max(1-l.configured.tokens(now), 0))) // even, not overdrawn
	if next := last.Add(l.configured.gap(1)); next.After(slot) {
		slot = next
	}
	given[priority] = slot
	return max(slot.Sub(now), time.Millisecond), Configured
}

// checkSoon says whether there will be a token soon enough to wait for it in place,
// and when. An adaptive limit is not waited for.
func (l *limit) checkSoon(now time.Time, priority int) (wait time.Duration, soon bool) {
	if l.adaptive.active(now) {
		return 0, false
	}
	if !l.configured.limited() {
		return 0, true
	}
	wait = l.configured.gap(max(l.missing(now, priority), 0))
	if wait > inPlace {
		return 0, false
	}
	l.admitted = now
	return wait, true
}

// take takes a token, from an overdrawn bucket too: check has decided.
func (l *limit) take(now time.Time) {
	l.adaptive.take(now)
	if l.configured.limited() {
		l.configured.take(now)
	}
}

// missing is how many tokens there are too few; the most urgent mails may overdraw
// the bucket, the least urgent not at all. In between it must suffice to overtake
// the least urgent ones, which keep the bucket at half a token below nothing.
func (l *limit) missing(now time.Time, priority int) float64 {
	return 1 - l.configured.tokens(now) - (l.configured.size+overtake)*urgency(priority)
}

// urgency is 1 for the most urgent priority and 0 for the least.
func urgency(priority int) float64 { return float64(Priorities-1-priority) / (Priorities - 1) }

// idle reports whether nothing would be lost by forgetting the limit.
func (l *limit) idle(now time.Time) bool {
	if l.adaptive.remembers(now) {
		return false
	}
	return !l.configured.limited() || l.configured.tokens(now) >= l.configured.size &&
		!l.first.last(Priorities-1).After(now) && !l.again.last(Priorities-1).After(now)
}
