package ratelimit

import "time"

// tokenBucket fills at a rate up to its size; a mail takes one token. It may be
// overdrawn: what is left is then below zero, and who may take from it all the same is
// the caller's rule.
type tokenBucket struct {
	rate    float64 // tokens a second; 0: there is no limit
	size    float64
	balance float64 // at the time filled
	filled  time.Time
}

func newTokenBucket(rate, size float64, now time.Time) tokenBucket {
	return tokenBucket{rate: rate, size: size, balance: size, filled: now}
}

func (t *tokenBucket) limited() bool { return t.rate > 0 }

// tokens is what is left, at most the size.
func (t *tokenBucket) tokens(now time.Time) float64 {
	return min(t.balance+now.Sub(t.filled).Seconds()*t.rate, t.size)
}

func (t *tokenBucket) take(now time.Time) { t.balance, t.filled = t.tokens(now)-1, now }

// setRate changes rate and size and keeps what is left.
func (t *tokenBucket) setRate(now time.Time, rate, size float64) {
	t.balance, t.filled = t.tokens(now), now
	t.rate, t.size = rate, size
}

// gap is the time in which so many tokens come.
func (t *tokenBucket) gap(tokens float64) time.Duration {
	return time.Duration(tokens / t.rate * float64(time.Second))
}
