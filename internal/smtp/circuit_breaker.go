package smtp

import (
	"sync"
	"time"

	"sespan/internal/mail"
)

// degradedLimit is how many mails in a row may meet a degraded relay before it
// counts as down: a hung or broken dialogue may be the mail's own doing.
const degradedLimit = 5

// longestProbePause keeps the return of a relay from going unnoticed for half a
// minute: to it comes the time for a connection that is not answered.
const longestProbePause = 20 * time.Second

// circuitBreaker decides whether a relay is given mails. A half-open one takes a
// single mail, the trial.
//
//	closed ──relay is down──▶ open ──probe answered──▶ half open ──trial succeeded──▶ closed
//	                           ▲ │ probes, 5 s … 20 s apart │
//	                           └─┴────────failed────────────┘
//
// The packages sony/gobreaker and failsafe-go were looked at: both open and close by
// counts and a fixed delay, in which a cancelled call is a success or a failure. What
// is needed here (an outcome that says nothing, opening at once for some failures,
// probes instead of a delay, waiting for the change) would all stand round them.
type circuitBreaker struct {
	mu       sync.Mutex
	state    breakerState
	trial    bool // half open: the one mail is under way
	degraded int  // mails in a row that found the relay degraded
	opened   int  // times in a row
}

type breakerState int

const (
	closed breakerState = iota
	open
	halfOpen
)

// allow says whether a mail may go to the relay; report must follow.
func (b *circuitBreaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == closed {
		return true
	}
	if b.state == halfOpen && !b.trial {
		b.trial = true
		return true
	}
	return false
}

// ready says whether allow would let a mail go.
func (b *circuitBreaker) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == closed || b.state == halfOpen && !b.trial
}

// isOpen says that no mail will go to the relay before a probe has been answered.
func (b *circuitBreaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == open
}

// report records the outcome of a mail.
func (b *circuitBreaker) report(h health) (was, now breakerState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was = b.state
	b.trial = false
	switch {
	case h == unknown:
	case h == healthy:
		b.state, b.degraded, b.opened = closed, 0, 0
	case h == degraded && was == closed && b.degraded+1 < degradedLimit:
		b.degraded++
	case was != open:
		b.state, b.degraded = open, 0
		b.opened++
	}
	return was, b.state
}

// probed records the outcome of a probe of an open breaker.
func (b *circuitBreaker) probed(answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state != open:
	case answered:
		b.state = halfOpen
	default:
		b.opened++
	}
}

func (b *circuitBreaker) current() (state breakerState, opened int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.opened
}

// probePause is the time from one probe to the next: five seconds, doubled up to the longest.
func probePause(opened int) time.Duration {
	return min(5*time.Second<<min(max(opened-1, 0), 4), longestProbePause)
}

// health is what the outcome of one mail shows about its relay.
type health int

const (
	unknown  health = iota // the caller gave up, or the mail was never offered
	healthy                // the relay did its work, even if that was to refuse the mail
	degraded               // the dialogue broke, or the relay would not begin it
	down                   // no mail at all could have been given to it
)

// healthOf derives it from a failure. Throttling (4.7.x) concerns us or the recipient,
// not the relay: another one would be asked to break the same rule.
func healthOf(err *mail.SendError) health {
	switch {
	case err.RelayFailed():
		return down
	case err.Reason == "composed":
		return unknown
	case err.Code == 421 && !throttles(err):
		return degraded
	case err.Code == 0 && (err.Reason == "timeout" || err.Reason == "closed"), err.Verdict == mail.Unknown:
		return degraded
	case err.Code >= 400 && err.Code < 500 && err.Reason == "mail_from" && !throttles(err):
		return degraded
	}
	return healthy
}

// canFailOver reports whether a mail may be offered to another relay at once: this
// one has said that it is out of service and has not accepted the mail.
func canFailOver(err *mail.SendError) bool {
	return err.Verdict == mail.Retry && (healthOf(err) == down || err.Code == 421 && healthOf(err) == degraded)
}

func throttles(err *mail.SendError) bool {
	return len(err.Enhanced) > 4 && err.Enhanced[:4] == "4.7."
}
