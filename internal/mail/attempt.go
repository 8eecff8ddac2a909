package mail

import (
	"context"
	"errors"
	"runtime/debug"
)

// errNotBegun ends a mail before anything of it was sent.
var errNotBegun = errors.New("mail: not begun")

// attempt is one mail in the Sender's hands. It may wait there for a connection, until
// the worker ends; from its beginning it has until sending ends.
type attempt struct {
	worker  *Worker
	mail    *Claimed
	ctx     context.Context // of the call of Send
	keep    func() bool     // the end of the worker is no longer its own
	begun   bool
	refused *Result // why it was not begun
}

// try gives a mail to the Sender. A result: nothing of it was sent.
func (w *Worker) try(ctx, sending context.Context, c *Claimed, e Envelope) (Receipt, *Result, error) {
	waiting, cancel := context.WithCancel(sending)
	defer cancel()
	a := &attempt{worker: w, mail: c, ctx: waiting, keep: context.AfterFunc(ctx, cancel)}
	defer a.keep()
	e.Begin = a.begin
	receipt, err := w.send(waiting, e)
	if err != nil && !a.begun && a.refused == nil && ctx.Err() != nil {
		a.refused = &Result{Lease: c.Lease, State: released}
	}
	return receipt, a.refused, err
}

// begin is called by the Sender with a connection at hand, once for each relay.
func (a *attempt) begin() error {
	if !a.begun && a.refused == nil {
		if a.keep() {
			a.refused = a.worker.mayStart(a.ctx, a.mail)
		} else {
			a.refused = &Result{Lease: a.mail.Lease, State: released}
		}
		a.begun = a.refused == nil
	}
	if !a.begun {
		return errNotBegun
	}
	return nil
}

// mayStart looks at the clock once more just before sending, and where a lapse
// must be told from a mail that never began, notes the beginning.
func (w *Worker) mayStart(ctx context.Context, c *Claimed) *Result {
	if c.ExpiresIn != Forever && w.age(c) >= c.ExpiresIn {
		return &Result{Lease: c.Lease, State: StateExpired, Reason: reasonExpired}
	}
	ours := w.leases.valid(c.Lease, w.Lease/10)
	if ours && (c.HoldUnknown || c.Lapses > 0) {
		marked, err := w.marker.Do(ctx, c.Lease)
		ours = err == nil && marked
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
