package smtp

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	simplemail "github.com/xhit/go-simple-mail/v2"
)

const (
	quitTimeout = 2 * time.Second // bounds the farewell to a relay
	// coldAfter is the pause after which the message waits for the relay's 354: sent
	// with its envelope to a relay that has hung up, it would have to be sent again.
	coldAfter = time.Second
)

// conn is one kept connection. Its holder is the only one to use it.
type conn struct {
	wire   *wire
	client *simplemail.SMTPClient
	born   time.Time
	used   time.Time
	sent   int  // mails so far
	kept   bool // came back to the pool at least once
	dirty  bool // the last transaction was refused: RSET comes first
	cold   bool // kept for so long that the relay may have closed it

	reserved *waiter // whose envelope has gone out on it; under the pool's lock
}

// deliver does one SMTP transaction and returns the relay's text. Next may give the
// one that follows on this connection.
func (c *conn) deliver(ctx context.Context, tx transaction, next func() *transaction) (string, error) {
	w := c.wire
	tx.chunk = tx.chunk && !c.cold
	w.begin(tx)
	w.next = next
	stop := context.AfterFunc(ctx, w.abort)
	// The wire says the message itself: the library copies it byte by byte.
	err := simplemail.SendMessage(tx.from, []string{tx.recipient}, "", c.client)
	if err != nil {
		w.settle()
	}
	if err != nil && w.refusal.code == 0 {
		_ = w.fail(err) // neither taken nor refused: the dialogue is out of step
	}
	if !stop() && w.broken == nil { // aborted; a reply that made it here still counts
		w.broken = context.Cause(ctx)
	}
	c.sent++
	if w.taken {
		_, text := w.last.text()
		return text, nil
	}
	if w.broken == nil && !w.nextSent { // after the dot a transaction is over in any case
		c.dirty = true
	}
	return "", failure(ctx, w, err)
}

// stale reports whether the last delivery failed only because the relay had
// closed the connection while it was kept, does not know BDAT, or did not take an
// envelope that came with the message before it.
func (c *conn) stale() bool {
	if errors.Is(c.wire.broken, errNoChunks) || errors.Is(c.wire.broken, errNotPipelined) {
		return true
	}
	if !c.kept || c.wire.phase != mailFrom || c.wire.broken == nil {
		return false
	}
	return c.wire.refusal.code == 421 || hungUp(c.wire.broken)
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// freshen makes a kept connection ready for the next mail: RSET after a refusal,
// NOOP after a pause. An error means that the connection is of no more use.
func (c *conn) freshen(ctx context.Context, now time.Time, noopAfter time.Duration) error {
	c.cold = now.Sub(c.used) >= coldAfter
	check := c.client.Noop
	switch {
	case c.dirty:
		check = c.client.Reset
	case now.Sub(c.used) < noopAfter:
		return nil
	}
	c.wire.begin(transaction{})
	stop := context.AfterFunc(ctx, c.wire.abort)
	err := check()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	c.dirty, c.cold = false, false
	return err
}

// quit says goodbye and closes.
func (c *conn) quit() {
	if c.wire.broken == nil && !c.wire.nextSent { // a relay that waits for a message would not hear it
		c.wire.begin(transaction{})
		c.wire.timeouts.Command = quitTimeout
		_ = c.client.Quit() // the connection is closed whatever the relay says
	}
	c.wire.abort()
}

// expired reports whether the connection will have served its time after more mails.
func (c *conn) expired(cfg Config, now time.Time, more int) bool {
	return c.sent+more >= cfg.MessagesPerConn || now.Sub(c.born) >= cfg.MaxAge || now.Sub(c.used) >= cfg.IdleTimeout
}
