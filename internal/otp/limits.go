package otp

import "time"

// Limits of codes and guesses; those of mails stand in the database (sespan.budget_limit).
type Limits struct {
	Life           time.Duration // of a code
	ChallengeLife  time.Duration // in which a challenge takes further codes
	ResendAfter    time.Duration // between two mails of a challenge
	GuessesPerHour int           // wrong ones, for an address and purpose
	Guesses        int           // wrong ones, for a challenge
	LiveCodes      int           // of a challenge
}

// DefaultLimits gives the limits for codes of the given life.
func DefaultLimits(life time.Duration) Limits {
	return Limits{
		Life: life, ChallengeLife: 24 * time.Hour, ResendAfter: time.Minute,
		GuessesPerHour: 10, Guesses: 5, LiveCodes: 3,
	}
}

const window = time.Hour

// recent drops what the window has left behind. It does not rely on the order:
// transactions that waited for the budget's lock may carry earlier times.
func recent(times []time.Time, at time.Time) []time.Time {
	var kept []time.Time
	for _, t := range times {
		if t.After(at.Add(-window)) {
			kept = append(kept, t)
		}
	}
	return kept
}

// free tells when a window that takes most entries has room again: at once, or
// when enough of its oldest have left it.
func free(times []time.Time, most int, at time.Time) time.Time {
	kept := recent(times, at)
	if len(kept) < most {
		return at
	}
	return earlier(kept[len(kept)-most], at).Add(window)
}

// earlier gives t, but not a time that is still to come: where the clock was set back
// nobody waits longer than the pause.
func earlier(t, at time.Time) time.Time {
	if t.After(at) {
		return at
	}
	return t
}

// pauseEnd is when the pause after the challenge's last mail ends. A mail of an hour to
// come, by a clock that was set back, makes nobody wait: its budget is asked all the same.
func (l Limits) pauseEnd(c *Challenge, at time.Time) time.Time {
	if c.SentAt.After(at.Add(l.ResendAfter)) {
		return at
	}
	return earlier(c.SentAt, at).Add(l.ResendAfter)
}

// resendAt is when the challenge may have its next mail.
func (l Limits) resendAt(c *Challenge, b Budget, at time.Time) time.Time {
	t := at
	if b.MailAt.After(t) {
		t = b.MailAt
	}
	if c != nil && l.pauseEnd(c, at).After(t) {
		t = l.pauseEnd(c, at)
	}
	return t
}

// unlockedAt is when a new challenge in the place of a locked one makes sense.
func (l Limits) unlockedAt(c *Challenge, b Budget, at time.Time) time.Time {
	t := l.resendAt(c, b, at)
	if g := free(b.Wrong, l.GuessesPerHour, at); g.After(t) {
		t = g
	}
	return t
}

// attemptsLeft counts the wrong guesses that the challenge still allows.
func (l Limits) attemptsLeft(c *Challenge, b Budget, at time.Time) int {
	return max(0, min(l.Guesses-c.Wrong, l.GuessesPerHour-len(recent(b.Wrong, at))))
}

// open tells whether the challenge may have another code.
func (l Limits) open(c *Challenge, at time.Time) bool {
	return c.Status == Pending && at.Before(c.CreatedAt.Add(l.ChallengeLife))
}
