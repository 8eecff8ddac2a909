package smtp

import (
	"errors"
	"time"
)

// To a relay with PIPELINING and without CHUNKING the envelope of the next mail goes
// out with the message of this one (RFC 2920 section 3.1 lets a message begin a
// group of commands), so that a mail costs one round trip and not two. The next mail
// is one that waits in the pool for a connection; this connection is reserved for it.
const (
	// envelopeCommands are MAIL, RCPT and DATA.
	envelopeCommands = 3
	// pipelinedTimeout is how long a relay may take to answer an envelope that
	// travelled with the message before it. One that loses what follows a final dot
	// would otherwise keep the mail for minutes.
	pipelinedTimeout = 10 * time.Second
	// reservedFor is how long a mail stays bound to a connection whose message the
	// relay has not answered. A relay that stalls must not delay other mails.
	reservedFor = time.Second
)

var errNoPipelinedEnvelope = errors.New("the relay does not answer an envelope that travels with the mail before it")

// outOfStep reports whether a reply complains about the order of the commands.
func outOfStep(code int) bool { return code >= 500 && code <= 504 || code == 554 }

// appendNextEnvelope adds the envelope of the mail that follows to what is about to be written.
func (w *wire) appendNextEnvelope() {
	if w.next == nil {
		return
	}
	next := w.next()
	if next == nil {
		return
	}
	w.appendMail(next)
	w.appendRcpt(next)
	w.writeBuf = append(w.writeBuf, "DATA\r\n"...)
	w.nextEnvelopeSent = true
}

// reserveNext gives the transaction whose envelope travels with the message of tx,
// which is about to be written; nil for none. Its Send gets the connection next.
func (r *Relay) reserveNext(c *conn, tx transaction) *transaction {
	caps := c.wire.caps
	if tx.holdUnknown || !caps.pipelining || caps.chunking || r.noPipelinedEnvelope.Load() || r.expired(c, r.cfg.Now(), 1) {
		return nil
	}
	return r.pool.reserve(c, func(next *transaction) bool { return !next.holdUnknown && (!next.mustUTF8 || caps.utf8) })
}

// reserve binds the connection to the first waiter, if that is a mail that fits.
func (p *pool) reserve(c *conn, fits func(*transaction) bool) *transaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.waiting.Front()
	if first == nil {
		return nil
	}
	w := first.Value.(*waiter)
	if w.tx == nil || !fits(w.tx) {
		return nil
	}
	p.waiting.Remove(first)
	c.reserved = w
	w.timeout = time.AfterFunc(reservedFor, func() { p.unreserve(c, w) })
	return w.tx
}

// unreserve makes the waiter that a connection is reserved for (only if it is this
// one, unless nil) wait for any connection, before all others.
func (p *pool) unreserve(c *conn, only *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := c.reserved
	if w == nil || only != nil && only != w {
		return
	}
	c.reserved = nil
	w.timeout.Stop()
	switch {
	case w.cancelled:
	case p.closed:
		close(w.granted)
	default:
		if other, ok := p.grantSlot(); ok {
			w.granted <- other
			return
		}
		w.place = p.waiting.PushFront(w)
	}
}

// handOver gives a connection to the waiter whose envelope has gone out on it;
// false when that does not wait for it any more.
func (p *pool) handOver(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := c.reserved
	if w == nil || w.cancelled || p.closed {
		return false
	}
	c.reserved = nil
	w.timeout.Stop()
	w.granted <- c
	return true
}
