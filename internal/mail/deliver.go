package mail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"sespan/internal/mail/mime"
)

// senderLoop is one sender: it delivers mails until there are no more jobs; after ctx
// has ended it gives the rest back.
func (w *Worker) senderLoop(ctx, sending context.Context) {
	for {
		job, more := w.jobs.take()
		if !more {
			return
		}
		w.leases.take(job.Lease)
		if ctx.Err() != nil {
			w.results <- Result{Lease: job.Lease, State: released}
			continue
		}
		w.results <- w.deliver(ctx, sending, job)
	}
}

// deliver tries one mail. It always gives a result, and a panic ends at this mail.
// It stops waiting when ctx ends; what is being sent has until sending ends.
func (w *Worker) deliver(ctx, sending context.Context, c *Claimed) Result {
	wait, r := w.admit(c)
	if r != nil {
		return *r
	}
	if wait > 0 {
		w.pause(ctx, wait)
	}
	e, r := w.compose(c)
	if r != nil {
		return *r
	}
	if !w.backpressure.wait(ctx) || !w.relayReady(ctx, c) {
		return Result{Lease: c.Lease, State: released}
	}
	receipt, r, err := w.try(ctx, sending, c, e)
	if r != nil {
		return *r
	}
	if err != nil {
		return w.afterFailure(sending, c, err)
	}
	w.observe(sending, c, nil)
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

// compose makes the envelope, or says why it will never be sent.
func (w *Worker) compose(c *Claimed) (e Envelope, r *Result) {
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
		return e, w.dead(c, 0, reasonLapsed, fmt.Sprintf("%d workers vanished over this mail", c.Lapses))
	}
	message, err := contentOf(c, w.From, w.Unseal)
	if errors.Is(err, errSealed) {
		// Another worker may have the key: during a rotation not all know it yet.
		failure := w.retry(c, &SendError{Verdict: Retry, Reason: reasonSealed, Err: err})
		return e, &failure
	}
	if err != nil {
		return e, w.dead(c, 0, reasonContent, err.Error())
	}
	data, reason, err := w.message(message)
	if err != nil {
		return e, w.dead(c, 0, reason, err.Error())
	}
	message.ASCIIOnly = true
	return Envelope{
		From: bareAddress(message.From), Recipient: c.Recipient, Data: data, HoldUnknown: c.HoldUnknown, QueueID: c.QueueID, Trace: c.Trace,
		ASCII: func() ([]byte, error) { data, _, err := w.message(message); return data, err },
	}, nil
}

// message composes and signs.
func (w *Worker) message(content mime.Content) (data []byte, reason string, err error) {
	if data, err = mime.Compose(content); err != nil || w.Sign == nil {
		return data, "composed", err
	}
	data, err = w.Sign(data)
	return data, reasonSigning, err
}

// age is the time since the row was claimed.
func (w *Worker) age(c *Claimed) time.Duration { return w.Now().Sub(c.claimedAt) }
