package smtp

import (
	"errors"
	"sync"
	"time"

	"sespan/internal/mail"
)

// To a relay with PIPELINING and without CHUNKING the envelope of the next mail goes
// out with the message of this one (RFC 2920 section 3.1 lets a message begin a
// group of commands), so that a mail costs one round trip and not two.
const (
	// saidAhead are MAIL, RCPT and DATA.
	saidAhead = 3
	// aheadTimeout is how long a relay may take to answer what was said ahead. One
	// that forgets what follows a final dot would otherwise keep the mail for minutes.
	aheadTimeout = 10 * time.Second
)

var errNotAhead = errors.New("the relay does not answer an envelope that travels with the mail before it")

// outOfStep reports whether a reply speaks of the order of the commands.
func outOfStep(code int) bool { return code >= 500 && code <= 504 || code == 554 }

// sayNext adds the envelope of the mail that follows to what is about to be written.
func (w *wire) sayNext() {
	if w.next == nil {
		return
	}
	next := w.next()
	if next == nil {
		return
	}
	w.mailFrom(next)
	w.rcptTo(next)
	w.out = append(w.out, "DATA\r\n"...)
	w.said = true
}

// hurry shortens the wait for the first reply to what was said ahead.
func (w *wire) hurry() {
	_ = w.SetReadDeadline(time.Now().Add(min(w.timeouts.Command, aheadTimeout)))
}

// said is the envelope of a mail that went out with the mail before it: the
// connection belongs to that mail until it is sent or forgotten.
type said struct {
	sender *Sender
	tx     transaction

	mu   sync.Mutex
	conn *conn // nil until the mail before it is done
	over bool  // sent or forgotten
}

// Forget ends the connection, whose relay waits for a message that will not come.
func (a *said) Forget() {
	if c := a.end(); c != nil {
		a.sender.scrap(c)
	}
}

// end gives the connection away, nil where there is none (any more, or yet).
func (a *said) end() *conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.conn
	a.conn, a.over = nil, true
	return c
}

// keep holds the connection for the mail that was said ahead on it; false when
// that was forgotten meanwhile.
func (a *said) keep(c *conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.conn = c
	return true
}

// heard gives the connection on which the mail's envelope was said, and its
// transaction; nil where there is none. One that another relay has heard is taken back.
func (s *Sender) heard(e mail.Envelope) *said {
	a, ok := e.Said.(*said)
	if !ok {
		return nil
	}
	if a.sender != s {
		a.Forget()
		return nil
	}
	return a
}

// follower asks for the mail after one that goes over conn.
type follower struct {
	sender *Sender
	conn   *conn
	ask    func(mail.Said) *mail.Envelope
	said   *said // what it asked for and may say; nil for nothing
}

// follow gives the follower of a mail; where nothing may be said ahead it asks nobody.
func (s *Sender) follow(e mail.Envelope, c *conn) *follower {
	f := &follower{sender: s, conn: c, ask: e.Next}
	if e.Careful || !c.wire.caps.pipelining || c.wire.caps.chunking || s.unready.Load() {
		f.ask = nil
	}
	return f
}

// next gives the transaction whose envelope is to be said ahead, nil for none.
func (f *follower) next() *transaction {
	if f.ask == nil || f.sender.worn(f.conn, f.sender.cfg.Now(), 1) {
		return nil
	}
	a := &said{sender: f.sender}
	e := f.ask(a)
	if e == nil {
		return nil
	}
	tx, err := newTransaction(*e)
	if err != nil || tx.mustUTF8 && !f.conn.wire.caps.utf8 { // Send will say so
		return nil
	}
	a.tx, f.said = tx, a
	return &a.tx
}
