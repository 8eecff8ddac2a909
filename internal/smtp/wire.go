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

// earlyReplyTimeout is how long a relay that broke off while the message was being
// written is given to have sent the reason.
const earlyReplyTimeout = 500 * time.Millisecond

var (
	errClosing    = errors.New("the relay is closing the connection")
	errNoChunking = errors.New("the relay offers CHUNKING and cannot do it")
)

// wire is the net.Conn that go-simple-mail talks to: it gathers writes until the
// library reads, hands over one reply at a time, and remembers what happened.
// Only abort may be called from another goroutine.
type wire struct {
	net.Conn          // TCP or TLS
	tcp      net.Conn // what lies under it, closed by abort
	in       *bufio.Reader
	writeBuf []byte // written by the library, not yet by us
	replyBuf []byte // read by us, not yet by the library
	timeouts Timeouts

	phase             phase
	caps              capabilities
	tx                transaction         // the mail under way
	pipelinedCommands int                 // commands sent before the library asked for them
	next              func() *transaction // asked for the mail that follows, when the message is written; may be nil
	nextEnvelopeSent  bool                // the envelope of the mail that follows went out with the message
	envelopeSent      bool                // the envelope of the mail under way went out with the last message
	messageEnd        int                 // length of the message with its final dot in writeBuf
	last              reply
	refusal           reply // the last 4xx or 5xx of this mail
	messageSent       bool  // the whole message was given to the kernel
	accepted          bool  // the relay has answered it with 2xx
	broken            error // why the connection must not be used any more
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
	w.tx, w.phase, w.messageSent, w.accepted, w.refusal = tx, idle, false, false, reply{}
	w.envelopeSent, w.nextEnvelopeSent = w.nextEnvelopeSent, false
	if w.envelopeSent {
		w.pipelinedCommands, w.tx.chunk = envelopeCommands, false
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
	case w.pipelinedCommands > 0 && w.phase >= mailFrom && w.phase <= data: // went out with MAIL, or MAIL too with the last message
		w.pipelinedCommands--
	case w.phase == mailFrom:
		w.writeEnvelope()
	default:
		w.writeBuf = append(w.writeBuf, p...)
	}
	return len(p), nil
}

// Read gives the library the reply it waits for.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.replyBuf) == 0 {
		if err := w.exchange(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.replyBuf)
	w.replyBuf = w.replyBuf[n:]
	return n, nil
}

// exchange writes what is gathered and reads one reply, each phase under one deadline.
func (w *wire) exchange() error {
	if w.broken != nil {
		return w.broken
	}
	if w.phase == data && w.tx.chunk { // there is no DATA, the message has gone out with MAIL
		w.phase, w.replyBuf = body, goAhead
		return nil
	}
	if err := w.writePhase(); err != nil {
		return err
	}
	r, err := readReply(w.in, w.last.lines)
	if err != nil {
		if w.envelopeSent && w.phase == mailFrom && timedOut(err) {
			err = errNoPipelinedEnvelope
		}
		return w.fail(err)
	}
	return w.handleReply(r)
}

// writePhase writes what is due at this phase.
func (w *wire) writePhase() error {
	if w.phase != body {
		w.setDeadline(w.phase)
		if w.envelopeSent && w.phase == mailFrom {
			_ = w.SetReadDeadline(time.Now().Add(min(w.timeouts.Command, pipelinedTimeout)))
		}
		err := w.flush()
		w.messageSent = w.messageSent || err == nil && w.phase == mailFrom && w.tx.chunk
		return err
	}
	if !w.tx.chunk { // the library has ended the message and wants the verdict
		if err := w.writeMessage(); err != nil {
			return err
		}
	}
	w.phase, w.messageSent = finalDot, true
	w.setDeadline(finalDot)
	return nil
}

func (w *wire) handleReply(r reply) error {
	w.last, w.replyBuf = r, r.lines
	if w.envelopeSent && w.phase == mailFrom && outOfStep(r.code) {
		return w.fail(errNoPipelinedEnvelope)
	}
	w.accepted = w.phase == finalDot && r.code/100 == 2
	switch {
	case r.code >= 400:
		w.refusal = reply{code: r.code, lines: bytes.Clone(r.lines)}
		if r.code == 421 || w.phase == auth { // after a failed AUTH the library would go on with "*" and QUIT
			w.broken = errClosing
		}
		if w.phase == finalDot && w.tx.chunk && r.code >= 500 && r.code <= 504 { // it concerns the command, not the mail
			w.broken = errNoChunking
		}
	case w.phase == hello && r.code == 250:
		w.caps = readCapabilities(r.lines)
		w.replyBuf = w.caps.forLibrary(r.lines)
	case w.phase == data && r.code == 354:
		w.phase = body
		w.setDeadline(body)
	}
	return nil
}

func (w *wire) setDeadline(p phase) {
	_ = w.SetDeadline(time.Now().Add(w.timeouts.of(p, len(w.tx.data)))) // a dead connection fails at the next call
}

// flush writes what is gathered. Write reports how much of it has gone, and so
// whether the final dot has.
func (w *wire) flush() error {
	if len(w.writeBuf) == 0 {
		return nil
	}
	n, err := w.Conn.Write(w.writeBuf)
	w.messageSent = w.messageSent || w.messageEnd > 0 && n >= w.messageEnd // what follows the dot may be lost alone
	w.writeBuf, w.messageEnd = w.writeBuf[:0], 0
	if cap(w.writeBuf) > 2*flushAt {
		w.writeBuf = nil
	}
	if err == nil {
		return nil
	}
	if w.phase == body {
		w.readEarlyReply()
	}
	return w.fail(err)
}

// readEarlyReply looks for the reason that a relay gave before it hung up on a message.
func (w *wire) readEarlyReply() {
	_ = w.tcp.SetReadDeadline(time.Now().Add(earlyReplyTimeout))
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
	w.writeBuf = append(append(w.writeBuf, line...), '\r', '\n')
	err := w.exchange()
	w.replyBuf = nil
	return err
}

// drainReplies reads the replies of the pipelined commands that the
// library, after a refusal, will not ask for. A relay that wants the message
// although it took no recipient cannot be used again.
func (w *wire) drainReplies() {
	for ; w.pipelinedCommands > 0 && w.broken == nil; w.pipelinedCommands-- {
		w.setDeadline(data)
		r, err := readReply(w.in, w.last.lines)
		switch {
		case err != nil:
			w.broken = err
		case r.code == 421 || r.code == 354 || w.tx.chunk && r.code < 400:
			w.broken = errClosing
		}
	}
}
