package mail

import "time"

// flow is the account of one domain, or of all mails: a token bucket that holds half a
// second's worth, and the slots that were given to mails that must wait.
type flow struct {
	rate   float64 // mails a second; 0: none configured
	taught taught

	tokens float64
	filled time.Time
	used   time.Time // when a token was last taken

	// The last slot given, by priority: to mails that had none yet, and to those that
	// came back and found the account overdrawn.
	tails, again [Lanes]time.Time
}

func newFlow(rate float64, now time.Time) flow {
	return flow{rate: rate, tokens: burst(rate), filled: now, used: now}
}

// burst is what may go at once: half a second's worth, one at least.
func burst(rate float64) float64 { return max(rate/2, 1) }

// unused is how long slots stay believed that nobody comes for: their mails were
// cancelled, or another process has them.
const unused = 10 * time.Second

// punctual is the part of a token that a mail in its slot may come too early: two
// clocks and a rounding lie between.
const punctual = 0.5

// overtake lets the usual priority, 5, pass between mails that come punctually.
const overtake = 3 * punctual

// take takes a token, or gives the time until the mail's slot.
func (f *flow) take(now time.Time, priority int, fresh bool) (wait time.Duration, reason string) {
	if wait := f.taught.take(now, priority); wait > 0 {
		return wait, reasonBreaker
	}
	if f.rate <= 0 {
		return 0, ""
	}
	f.fill(now)
	if now.Sub(f.used) > unused+f.gap(3) {
		f.tails, f.again = [Lanes]time.Time{}, [Lanes]time.Time{}
	}
	slots, missing := &f.again, f.missing(priority)-punctual
	if fresh {
		slots, missing = &f.tails, f.missing(priority)
	}
	behind := latest(slots[:priority+1])
	if missing <= 0 && (!fresh || !behind.After(now)) {
		f.tokens--
		f.used = now
		return 0, ""
	}
	slot := now.Add(f.gap(max(1-f.tokens, 0))) // even, not overdrawn
	if next := behind.Add(f.gap(1)); next.After(slot) {
		slot = next
	}
	slots[priority] = slot
	return max(slot.Sub(now), time.Millisecond), reasonLimited
}

// takeSoon takes a token that will be there within longest, and gives the time until
// then; -1 when it will not, or when something was taught.
func (f *flow) takeSoon(now time.Time, priority int, longest time.Duration) time.Duration {
	if f.taught.active(now) {
		return -1
	}
	if f.rate <= 0 {
		return 0
	}
	f.fill(now)
	wait := f.gap(max(f.missing(priority), 0))
	if wait > longest {
		return -1
	}
	f.tokens--
	f.used = now
	return wait
}

// missing is how many tokens there are too few; the most urgent mails may overdraw
// the account, the least urgent not at all. In between it must suffice to overtake
// the least urgent ones, which keep the account at half a token below nothing.
func (f *flow) missing(priority int) float64 {
	return 1 - f.tokens - (burst(f.rate)+overtake)*float64(Lanes-1-priority)/(Lanes-1)
}

func (f *flow) fill(now time.Time) {
	f.tokens = min(f.tokens+now.Sub(f.filled).Seconds()*f.rate, burst(f.rate))
	f.filled = now
}

// giveBack returns a token that was not used.
func (f *flow) giveBack() {
	if f.rate > 0 {
		f.tokens++
	}
	f.taught.giveBack()
}

// gap is the time in which so many tokens come.
func (f *flow) gap(tokens float64) time.Duration {
	return time.Duration(tokens / f.rate * float64(time.Second))
}

// resting reports whether nothing would be lost by forgetting the flow.
func (f *flow) resting(now time.Time) bool {
	if f.taught.active(now) || f.taught.strikes > 0 && now.Sub(f.taught.struck) < strikeLife {
		return false
	}
	if f.rate <= 0 {
		return true
	}
	f.fill(now)
	return f.tokens >= burst(f.rate) && !latest(f.tails[:]).After(now) && !latest(f.again[:]).After(now)
}

func latest(list []time.Time) time.Time {
	var last time.Time
	for _, t := range list {
		if t.After(last) {
			last = t
		}
	}
	return last
}
