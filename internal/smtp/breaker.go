package smtp

import (
	"sync"
	"time"

	"sespan/internal/mail"
)

// patience is how many mails in a row may meet an ill relay before it is left
// alone: a hung or broken dialogue may be the mail's own doing.
const patience = 5

// breaker decides whether a relay is given mails.
//
//	closed ──relay failed──▶ open ──probe answered──▶ half open ──one mail went──▶ closed
//	                          ▲ │ waits, ever longer       │
//	                          └─┴──────relay failed────────┘
type breaker struct {
	mu     sync.Mutex
	state  breakerState
	trial  bool // half open: the one mail is under way
	ill    int  // mails in a row that met trouble
	opened int  // times in a row
}

type breakerState int

const (
	closed breakerState = iota
	open
	halfOpen
)

// allow says whether a mail may go to the relay; report must follow.
func (b *breaker) allow() bool {
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

// report takes in how a mail went. Changed: the breaker opened or closed.
func (b *breaker) report(h health) (now breakerState, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state
	b.trial = false
	switch {
	case h == silent:
	case h == well:
		b.state, b.ill, b.opened = closed, 0, 0
	case h == ill && was == closed && b.ill+1 < patience:
		b.ill++
	case was != open:
		b.state, b.ill = open, 0
		b.opened++
	}
	return b.state, b.state != was
}

// probed takes in what a probe of an open breaker found.
func (b *breaker) probed(answered bool) {
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

func (b *breaker) look() (state breakerState, opened int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.opened
}

// probePause is the wait before a probe: five seconds, doubled up to a minute.
func probePause(opened int) time.Duration {
	return min(5*time.Second<<min(max(opened-1, 0), 4), time.Minute)
}

// health is what the fate of one mail tells about its relay.
type health int

const (
	silent health = iota // nothing: the caller gave up, or the mail was never offered
	well                 // the relay did its work, and be it to refuse the mail
	ill                  // the dialogue broke, or the relay would not begin it
	failed               // no mail at all could have been given to it
)

// diagnose reads a failure. Throttling (4.7.x) speaks of us or of the recipient,
// not of the relay: another one would be asked to break the same rule.
func diagnose(err *mail.SendError) health {
	switch {
	case err.RelayFailed():
		return failed
	case err.Reason == "composed":
		return silent
	case err.Code == 421 && !throttles(err):
		return ill
	case err.Code == 0 && (err.Reason == "timeout" || err.Reason == "closed"), err.Verdict == mail.Unknown:
		return ill
	case err.Code >= 400 && err.Code < 500 && err.Reason == "mail_from" && !throttles(err):
		return ill
	}
	return well
}

// elsewhere reports whether a mail may be offered to another relay at once: this
// one has said in time that it does not serve, and has not taken the mail.
func elsewhere(err *mail.SendError) bool {
	return err.Verdict == mail.Retry && (diagnose(err) == failed || err.Code == 421 && diagnose(err) == ill)
}

func throttles(err *mail.SendError) bool {
	return len(err.Enhanced) > 4 && err.Enhanced[:4] == "4.7."
}
