package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"time"
)

// flushAt bounds what the wire gathers of a large message before it writes.
const flushAt = 64 << 10

// earlyReply is how long a relay that broke off while the message was being
// written is given to have said why.
const earlyReply = 500 * time.Millisecond

var (
	errClosing  = errors.New("the relay is closing the connection")
	errNoChunks = errors.New("the relay offers CHUNKING and cannot do it")
)

// wire is the net.Conn that go-simple-mail talks to: it gathers writes until the
// library reads, hands over one reply at a time, and remembers what happened.
// Only abort may be called from another goroutine.
type wire struct {
	net.Conn          // TCP or TLS
	tcp      net.Conn // what lies under it, closed by abort
	in       *bufio.Reader
	out      []byte // written by the library, not yet by us
	feed     []byte // read by us, not yet by the library
	timeouts Timeouts

	phase     phase
	caps      capabilities
	tx        transaction         // the mail under way
	ahead     int                 // commands sent before the library asked for them
	next      func() *transaction // asked for the mail that follows, when the message is written; may be nil
	nextSent  bool                // the envelope of the mail that follows went out with the message
	pipelined bool                // the envelope of the mail under way went out with the last message
	dotAt     int                 // how much of out is the message with its final dot
	last      reply
	refusal   reply // the last 4xx or 5xx of this mail
	dotSent   bool  // the whole message is in the kernel's hands
	taken     bool  // the relay has answered it with 2xx
	broken    error // why the connection must not be used any more
}

func newWire(conn net.Conn, t Timeouts) *wire {
	return &wire{Conn: conn, tcp: conn, in: bufio.NewReader(conn), timeouts: t, phase: greeting}
}

// secure replaces the transport.
func (w *wire) secure(conn net.Conn) {
	w.Conn = conn
	w.in.Reset(conn)
}

// abort unblocks whatever is waiting on the connection.
func (w *wire) abort() { _ = w.tcp.Close() }

// begin makes the wire ready for the next mail.
func (w *wire) begin(tx transaction) {
	w.tx, w.phase, w.dotSent, w.taken, w.refusal = tx, idle, false, false, reply{}
	w.pipelined, w.nextSent = w.nextSent, false
	if w.pipelined {
		w.ahead, w.tx.chunk = pipelinedCommands, false
	}
}

// Write takes a command. Of the message the library knows nothing but its end.
func (w *wire) Write(p []byte) (int, error) {
	if w.broken != nil {
		return 0, w.broken
	}
	if w.phase == body {
		return len(p), nil
	}
	if w.phase != auth || w.last.code != 334 { // an answer to a challenge may look like a command
		w.phase = phaseOf(p, w.phase)
	}
	switch {
	case w.ahead > 0 && w.phase >= mailFrom && w.phase <= data: // went out with MAIL, or MAIL too with the last message
		w.ahead--
	case w.phase == mailFrom:
		w.envelope()
	default:
		w.out = append(w.out, p...)
	}
	return len(p), nil
}

// Read gives the library the reply it waits for.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.feed) == 0 {
		if err := w.exchange(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.feed)
	w.feed = w.feed[n:]
	return n, nil
}

// exchange writes what is gathered and reads one reply, each phase under one deadline.
func (w *wire) exchange() error {
	if w.broken != nil {
		return w.broken
	}
	if w.phase == data && w.tx.chunk { // there is no DATA, the message has gone out with MAIL
		w.phase, w.feed = body, goAhead
		return nil
	}
	if err := w.speak(); err != nil {
		return err
	}
	r, err := readReply(w.in, w.last.lines)
	if err != nil {
		if w.pipelined && w.phase == mailFrom && timedOut(err) {
			err = errNotPipelined
		}
		return w.fail(err)
	}
	return w.accept(r)
}

// speak writes what is due at this phase.
func (w *wire) speak() error {
	if w.phase != body {
		w.arm(w.phase)
		if w.pipelined && w.phase == mailFrom {
			_ = w.SetReadDeadline(time.Now().Add(min(w.timeouts.Command, pipelinedTimeout)))
		}
		err := w.flush()
		w.dotSent = w.dotSent || err == nil && w.phase == mailFrom && w.tx.chunk
		return err
	}
	if !w.tx.chunk { // the library has ended the message and wants the verdict
		if err := w.message(); err != nil {
			return err
		}
	}
	w.phase, w.dotSent = finalDot, true
	w.arm(finalDot)
	return nil
}

func (w *wire) accept(r reply) error {
	w.last, w.feed = r, r.lines
	if w.pipelined && w.phase == mailFrom && outOfStep(r.code) {
		return w.fail(errNotPipelined)
	}
	w.taken = w.phase == finalDot && r.code/100 == 2
	switch {
	case r.code >= 400:
		w.refusal = reply{code: r.code, lines: bytes.Clone(r.lines)}
		if r.code == 421 || w.phase == auth { // after a failed AUTH the library would go on with "*" and QUIT
			w.broken = errClosing
		}
		if w.phase == finalDot && w.tx.chunk && r.code >= 500 && r.code <= 504 { // it speaks of the command, not of the mail
			w.broken = errNoChunks
		}
	case w.phase == hello && r.code == 250:
		w.caps = readCapabilities(r.lines)
		w.feed = w.caps.shown(r.lines)
	case w.phase == data && r.code == 354:
		w.phase = body
		w.arm(body)
	}
	return nil
}

func (w *wire) arm(p phase) {
	_ = w.SetDeadline(time.Now().Add(w.timeouts.of(p, len(w.tx.data)))) // a dead connection fails at the next call
}

// flush writes what is gathered. Write reports how much of it has gone, and so
// whether the final dot has.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	n, err := w.Conn.Write(w.out)
	w.dotSent = w.dotSent || w.dotAt > 0 && n >= w.dotAt // what follows the dot may be lost alone
	w.out, w.dotAt = w.out[:0], 0
	if cap(w.out) > 2*flushAt {
		w.out = nil
	}
	if err == nil {
		return nil
	}
	if w.phase == body {
		w.hear()
	}
	return w.fail(err)
}

// hear looks for the reason that a relay gave before it hung up on a message.
func (w *wire) hear() {
	_ = w.tcp.SetReadDeadline(time.Now().Add(earlyReply))
	if r, err := readReply(w.in, nil); err == nil && r.code >= 400 {
		w.refusal = r
	}
}

func (w *wire) fail(err error) error {
	if w.broken == nil {
		w.broken = err
	}
	return err
}

// command is one exchange outside the library; the reply is w.last.
func (w *wire) command(line string) error {
	w.phase = phaseOf([]byte(line), w.phase)
	w.out = append(append(w.out, line...), '\r', '\n')
	err := w.exchange()
	w.feed = nil
	return err
}

// settle reads the replies of the commands that were sent ahead and that the
// library, after a refusal, will not ask for. A relay that wants the message
// although it took no recipient cannot be used again.
func (w *wire) settle() {
	for ; w.ahead > 0 && w.broken == nil; w.ahead-- {
		w.arm(data)
		r, err := readReply(w.in, w.last.lines)
		switch {
		case err != nil:
			w.broken = err
		case r.code == 421 || r.code == 354 || w.tx.chunk && r.code < 400:
			w.broken = errClosing
		}
	}
}
