package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Two states of a result that are no states of a row.
const (
	released State = "released" // not tried: give it back
	lapsed   State = "lapsed"   // not tried: the lease is lost
)

// Reasons of this package; the sender's package has more.
const (
	reasonContent    = "content" // gone or unreadable
	reasonSealed     = "sealed"  // no key opens it
	reasonLapsed     = "lapsed"  // workers vanished over it
	reasonExpired    = "expired"
	reasonPanic      = "panic"
	reasonSigning    = "signing"    // no DKIM signature could be made of it
	reasonSuppressed = "suppressed" // the recipient is not to be written to
	reasonOther      = "other"      // an error that is no *SendError
)

const replyBytes = 500

// Result is what became of one try.
type Result struct {
	Lease
	State  State         // sent retry unknown dead expired suppressed
	Tries  int           // 1, or 0 when it was not the mail that failed
	Delay  time.Duration // for retry
	Reason string        // from a closed list; "" for sent
	Code   int           // SMTP code, 0 for none
	Reply  string
	Relay  string
}

// afterFailure turns a failed try into a result.
func (w *Worker) afterFailure(ctx context.Context, c *Claimed, err error) Result {
	se, ok := errors.AsType[*SendError](err)
	if !ok {
		se = &SendError{Verdict: Retry, Reason: reasonOther, Err: err}
	}
	w.observe(ctx, c, se)
	return w.retry(c, se)
}

// retry says what follows from a failure: another try, or the end.
func (w *Worker) retry(c *Claimed, e *SendError) Result {
	w.metrics.failures.WithLabelValues(e.Reason).Inc()
	r := Result{Lease: c.Lease, State: StateRetry, Tries: 1, Reason: e.Reason, Code: e.Code, Reply: clean(e.Reply), Relay: clean(e.Relay)}
	if e.Reply == "" && e.Err != nil {
		r.Reply = clean(e.Err.Error())
	}
	switch {
	case e.RelayFailed():
		r.Tries = 0
		r.Delay = max(e.After, spread(relayBackoff, w.Jitter()))
	case e.Verdict == Dead:
		r.State = StateDead
	case e.Verdict == Unknown && c.HoldUnknown:
		r.State = StateUnknown
	case c.Attempts+1 >= MaxAttempts:
		r.State = StateDead
		r.Reply = clean(fmt.Sprintf("gave up after %d tries: %s", MaxAttempts, r.Reply))
	default:
		r.Delay = backoff(c.Attempts+1, w.Jitter(), e.After)
	}
	if r.State == StateRetry && c.ExpiresIn != Forever && w.age(c)+r.Delay >= c.ExpiresIn {
		r.State = StateExpired
	}
	return r
}

func (w *Worker) dead(c *Claimed, tries int, reason, reply string) *Result {
	w.metrics.failures.WithLabelValues(reason).Inc()
	return &Result{Lease: c.Lease, State: StateDead, Tries: tries, Reason: reason, Reply: clean(reply)}
}

// clean makes a server's reply fit for a text column.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) <= replyBytes {
		return s
	}
	s = s[:replyBytes]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
