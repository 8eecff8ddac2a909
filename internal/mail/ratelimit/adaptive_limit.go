package ratelimit

import "time"

const (
	enoughStrikes = 8                // this many, without a success between, slow a domain down
	strikeLife    = 5 * time.Minute  // a strike counts for so long
	firstPause    = 15 * time.Second // doubled each time
	longestPause  = 8 * time.Minute
	longestAsked  = time.Hour // of a pause that the server names
	limitLife     = 10 * time.Minute
	firstRate     = 1.0 // mails a second after the pause; doubled by every few that go well
	fullRate      = 64.0
	enoughGood    = 5
	// returnPause and returnGap bound how often postponed mails ask again: each once in
	// so long, and a domain's one after the other.
	returnPause = 10 * time.Second
	returnGap   = 10 * time.Millisecond
)

// adaptiveLimit is the rate that a domain (or the relay, for all) can bear, as found
// out from its temporary refusals. See the drawing in doc.go.
type adaptiveLimit struct {
	strikes      int
	lastStrike   time.Time
	closedUntil  time.Time // nothing goes before
	expires      time.Time // all is forgotten then
	backoffLevel int       // how often it was closed in a row
	bucket       tokenBucket
	successes    int   // in a row, at this rate
	returns      slots // when postponed mails come back
}

// active reports whether there is a limit, and forgets one that is too old.
func (a *adaptiveLimit) active(now time.Time) bool {
	if a.bucket.limited() && !now.Before(a.expires) {
		*a = adaptiveLimit{}
	}
	return a.bucket.limited()
}

// remembers reports whether there is a limit or a strike that counts still.
func (a *adaptiveLimit) remembers(now time.Time) bool {
	return a.active(now) || a.strikes > 0 && now.Sub(a.lastStrike) < strikeLife
}

// check gives 0 when the mail may go, else the time until it may ask again. As with a
// configured rate the urgent overtake: they may overdraw the bucket, and come back
// sooner and in a row of their own.
func (a *adaptiveLimit) check(now time.Time, priority int) time.Duration {
	if !a.active(now) {
		return 0
	}
	back := now.Add(returnPause * time.Duration(priority+1) / Priorities)
	if now.Before(a.closedUntil) {
		back = a.closedUntil
	} else if a.bucket.tokens(now) >= 1-2*overtake*urgency(priority) {
		return 0
	}
	if next := a.returns.last(priority).Add(returnGap); next.After(back) {
		back = next
	}
	a.returns[priority] = back
	return back.Sub(now)
}

func (a *adaptiveLimit) take(now time.Time) {
	if a.bucket.limited() {
		a.bucket.take(now)
	}
}

// onThrottled takes in a mail that was refused for the time being; weight is of
// strikeWeight. True: the limit is closed from now on.
func (a *adaptiveLimit) onThrottled(now time.Time, weight int, asked time.Duration, jitter float64) bool {
	if weight == 0 || a.active(now) && now.Before(a.closedUntil) { // it was under way when the others were refused
		return false
	}
	if now.Sub(a.lastStrike) > strikeLife {
		a.strikes = 0
	}
	a.strikes, a.lastStrike, a.successes = a.strikes+weight, now, 0
	if a.strikes < enoughStrikes && (asked == 0 || weight < throttles) {
		return false
	}
	pause := min(firstPause<<min(a.backoffLevel, 10), longestPause)
	pause = max(pause, min(asked, longestAsked))
	pause += time.Duration(jitter * float64(pause) / 4)
	a.backoffLevel++
	a.closedUntil = now.Add(pause)
	a.expires = a.closedUntil.Add(limitLife)
	a.bucket, a.returns = newTokenBucket(firstRate, firstRate, a.closedUntil), slots{}
	a.strikes = enoughStrikes - 1 // the next one closes it at once
	return true
}

// onSuccess takes in a mail that was accepted, or refused for good. True: the limit
// has just ended.
func (a *adaptiveLimit) onSuccess(now time.Time) bool {
	if !a.active(now) {
		a.strikes = 0
		return false
	}
	if now.Before(a.closedUntil) {
		return false
	}
	if a.successes++; a.successes < enoughGood {
		return false
	}
	next := 2 * a.bucket.rate
	if next > fullRate {
		*a = adaptiveLimit{}
		return true
	}
	a.successes, a.strikes = 0, 0
	a.bucket.setRate(now, next, next)
	return false
}
