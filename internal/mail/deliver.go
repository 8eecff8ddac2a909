package mail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"sespan/internal/mail/mime"
)

// Two states of a result that are no states of a row.
const (
	released State = "released" // not tried: give it back
	lapsed   State = "lapsed"   // not tried: the lease is not ours any more
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

// deliver tries one mail. It always gives a result, and a panic ends at this mail.
// It stops waiting when ctx ends; what is being sent has until sending ends.
func (w *Worker) deliver(ctx, sending context.Context, c *Claimed) Result {
	wait, r := w.holdBack(c)
	if r != nil {
		return *r
	}
	if wait > 0 {
		w.pause(ctx, wait)
	}
	e, r := w.prepare(c)
	if r != nil {
		return *r
	}
	if !w.backpressure.wait(ctx) || !w.relayReady(ctx, c) {
		return Result{Lease: c.Lease, State: released}
	}
	if r := w.mayBegin(sending, c); r != nil {
		return *r
	}
	receipt, err := w.send(sending, e)
	if err != nil {
		return w.failed(sending, c, err)
	}
	w.learn(sending, c, nil)
	w.metrics.delivery.Observe((c.Waited + w.age(c)).Seconds())
	return Result{Lease: c.Lease, State: StateSent, Tries: 1, Code: 250, Reply: clean(receipt.Reply), Relay: clean(receipt.Relay)}
}

// relayReady waits until a relay serves, but no longer than the length of a lease
// from the claim: another worker may have a relay that does.
func (w *Worker) relayReady(ctx context.Context, c *Claimed) bool {
	ctx, cancel := context.WithTimeout(ctx, w.Lease-w.age(c))
	defer cancel()
	return w.Sender.Ready(ctx) == nil
}

// prepare composes the mail, or says why it will never be sent.
func (w *Worker) prepare(c *Claimed) (e Envelope, r *Result) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("mail: panic while composing", "queue_id", c.QueueID, "panic", p, "stack", string(debug.Stack()))
			r = w.dead(c, 0, reasonPanic, "panic while composing")
		}
	}()
	if c.Suppressed != "" {
		return e, &Result{Lease: c.Lease, State: StateSuppressed, Reason: reasonSuppressed, Reply: clean(c.Suppressed)}
	}
	if c.Lapses >= maxLapses {
		return e, w.dead(c, 0, reasonLapsed, fmt.Sprintf("%d workers vanished while they held this mail", c.Lapses))
	}
	what, err := content(c, w.From, w.Unseal)
	if errors.Is(err, errSealed) {
		// Another worker may have the key: during a rotation not all know it yet.
		failure := w.retry(c, &SendError{Verdict: Retry, Reason: reasonSealed, Err: err})
		return e, &failure
	}
	if err != nil {
		return e, w.dead(c, 0, reasonContent, err.Error())
	}
	data, err := mime.Compose(what)
	if err != nil {
		return e, w.dead(c, 0, "composed", err.Error())
	}
	if w.Sign != nil {
		if data, err = w.Sign(data); err != nil {
			return e, w.dead(c, 0, reasonSigning, err.Error())
		}
	}
	return Envelope{From: bareAddress(what.From), Recipient: c.Recipient, Data: data, Careful: c.Hold}, nil
}

// mayBegin looks at the clock once more just before sending, and where a lapse
// must be told from a mail that never began, notes the beginning.
func (w *Worker) mayBegin(ctx context.Context, c *Claimed) *Result {
	if c.ExpiresIn != Forever && w.age(c) >= c.ExpiresIn {
		return &Result{Lease: c.Lease, State: StateExpired, Reason: reasonExpired}
	}
	ours := w.leases.valid(c.Lease, w.Lease/10)
	if ours && (c.Hold || c.Lapses > 0) {
		begun, err := w.marker.Do(ctx, c.Lease)
		ours = err == nil && begun
	}
	if !ours {
		w.metrics.events.WithLabelValues(eventLapsed).Inc()
		return &Result{Lease: c.Lease, State: lapsed}
	}
	return nil
}

// send calls the sender; after a panic there it is unknown whether the mail left.
func (w *Worker) send(ctx context.Context, e Envelope) (r Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.ErrorContext(ctx, "mail: panic while sending", "panic", p, "stack", string(debug.Stack()))
			err = &SendError{Verdict: Unknown, Reason: reasonPanic, Reply: "panic while sending"}
		}
	}()
	return w.Sender.Send(ctx, e)
}

// failed turns a failed try into a result.
func (w *Worker) failed(ctx context.Context, c *Claimed, err error) Result {
	se, ok := errors.AsType[*SendError](err)
	if !ok {
		se = &SendError{Verdict: Retry, Reason: reasonOther, Err: err}
	}
	w.learn(ctx, c, se)
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
	case e.Verdict == Unknown && c.Hold:
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

// age is the time since the row was claimed.
func (w *Worker) age(c *Claimed) time.Duration { return w.Now().Sub(c.claimedAt) }

func (w *Worker) dead(c *Claimed, tries int, reason, reply string) *Result {
	w.metrics.failures.WithLabelValues(reason).Inc()
	return &Result{Lease: c.Lease, State: StateDead, Tries: tries, Reason: reason, Reply: clean(reply)}
}

// clean makes a server's words fit for a text column.
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
