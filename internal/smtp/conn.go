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
	quitTimeout = 2 * time.Second // bounds QUIT and its reply
	// idleBeforeCold is the pause after which the message waits for the relay's 354: sent
	// with its envelope to a relay that has hung up, it would have to be sent again.
	idleBeforeCold = time.Second
	// maxNonMail is how many commands beside its mails a connection lives through. Exim
	// counts NOOP, and RSET but for the first after each mail that it took, and drops
	// the connection at the eleventh (smtp_accept_max_nonmail), in words for which
	// log watchers ban an address. Refused mails gather on one connection: it is free
	// again while the others wait for the answer to a message.
	maxNonMail = 8
)

// conn is one kept connection. Its holder is the only one to use it.
type conn struct {
	wire       *wire
	client     *simplemail.SMTPClient
	dialedAt   time.Time
	lastUsed   time.Time
	sent       int  // mails so far
	reused     bool // came back to the pool at least once
	needsReset bool // the last transaction was refused: RSET comes first
	hasReset   bool // RSET was sent since the last mail that was taken
	nonMail    int  // commands that count towards maxNonMail
	cold       bool // kept for so long that the relay may have closed it

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
		w.drainReplies()
	}
	if err != nil && w.refusal.code == 0 {
		_ = w.fail(err) // neither taken nor refused: the dialogue is out of step
	}
	if !stop() && w.broken == nil { // aborted; a reply that arrived still counts
		w.broken = context.Cause(ctx)
	}
	c.sent++
	if w.accepted {
		c.hasReset = false
		_, text := w.last.text()
		return text, nil
	}
	if w.broken == nil && !w.nextEnvelopeSent { // after the dot a transaction is over in any case
		c.needsReset = true
	}
	return "", classify(ctx, w, err)
}

// stale reports whether the last delivery failed only because the relay had
// closed the connection while it was kept, does not know BDAT, or did not take an
// envelope that came with the message before it.
func (c *conn) stale() bool {
	if errors.Is(c.wire.broken, errNoChunking) || errors.Is(c.wire.broken, errNoPipelinedEnvelope) {
		return true
	}
	if !c.reused || c.wire.phase != mailFrom || c.wire.broken == nil {
		return false
	}
	return c.wire.refusal.code == 421 || closedByPeer(c.wire.broken)
}

func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// revalidate makes a kept connection ready for the next mail: RSET after a refusal,
// NOOP after a pause. An error means that the connection is of no more use.
func (c *conn) revalidate(ctx context.Context, now time.Time, noopAfter time.Duration) error {
	c.cold = now.Sub(c.lastUsed) >= idleBeforeCold
	check, counts := c.client.Noop, true
	switch {
	case c.needsReset:
		check, counts, c.hasReset = c.client.Reset, c.hasReset, true
	case now.Sub(c.lastUsed) < noopAfter:
		return nil
	}
	if counts {
		c.nonMail++
	}
	c.wire.begin(transaction{})
	stop := context.AfterFunc(ctx, c.wire.abort)
	err := check()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	c.needsReset, c.cold = false, false
	return err
}

// quit sends QUIT and closes.
func (c *conn) quit() {
	if c.wire.broken == nil && !c.wire.nextEnvelopeSent { // a relay that waits for a message would take QUIT for a line of it
		c.wire.begin(transaction{})
		c.wire.timeouts.Command = quitTimeout
		_ = c.client.Quit() // the connection is closed whatever the relay says
	}
	c.wire.abort()
}

// expired reports whether the connection will have reached a limit of its life after more mails.
func (c *conn) expired(cfg Config, now time.Time, more int) bool {
	return c.sent+more >= cfg.MessagesPerConn || c.nonMail >= maxNonMail || now.Sub(c.dialedAt) >= cfg.MaxAge || now.Sub(c.lastUsed) >= cfg.IdleTimeout
}
