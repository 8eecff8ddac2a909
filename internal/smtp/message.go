package smtp

import (
	"bytes"
	"strconv"
)

// goAhead is what the library hears instead of the reply to a DATA that is not sent.
var goAhead = []byte("354 go ahead\r\n")

// chunkAtMost bounds a message that travels with its envelope: of a refused
// envelope no more is sent in vain.
const chunkAtMost = flushAt

// envelope says MAIL in the place of the library, which neither knows the size of
// the message nor when SMTPUTF8 is needed, and adds what may travel with it: RCPT
// and DATA (RFC 2920), or RCPT and the message itself as one chunk (RFC 3030).
func (w *wire) envelope() {
	w.mailFrom(&w.tx)
	w.tx.chunk = w.tx.chunk && w.caps.chunking && w.caps.pipelining && len(w.tx.data) <= chunkAtMost
	if !w.caps.pipelining {
		return
	}
	w.rcptTo(&w.tx)
	w.ahead = 2
	if !w.tx.chunk {
		w.out = append(w.out, "DATA\r\n"...)
		return
	}
	w.out = strconv.AppendInt(append(w.out, "BDAT "...), int64(len(w.tx.data)), 10)
	w.out = append(append(w.out, " LAST\r\n"...), w.tx.data...)
}

func (w *wire) mailFrom(tx *transaction) {
	w.out = append(append(append(w.out, "MAIL FROM:<"...), tx.from...), '>')
	if w.caps.eightBit {
		w.out = append(w.out, " BODY=8BITMIME"...)
	}
	if w.caps.size {
		w.out = strconv.AppendInt(append(w.out, " SIZE="...), int64(len(tx.data)), 10)
	}
	if tx.utf8 && w.caps.utf8 {
		w.out = append(w.out, " SMTPUTF8"...)
	}
	w.out = append(w.out, "\r\n"...)
}

func (w *wire) rcptTo(tx *transaction) {
	w.out = append(append(append(w.out, "RCPT TO:<"...), tx.recipient...), ">\r\n"...)
}

// message writes the message after DATA: dots doubled (RFC 5321 section 4.5.2),
// the final dot, and the next envelope where one is ready. A large one goes out in
// pieces.
func (w *wire) message() error {
	rest := w.tx.data
	if bytes.HasPrefix(rest, dot) {
		w.out = append(w.out, '.')
	}
	for len(rest) > 0 {
		piece := rest[:min(len(rest), flushAt)]
		if at := bytes.Index(rest[:min(len(rest), flushAt+1)], feedDot); at >= 0 {
			piece = rest[:at+1] // up to the line feed; the dot begins the rest
			w.out = append(append(w.out, piece...), '.')
		} else {
			w.out = append(w.out, piece...)
		}
		rest = rest[len(piece):]
		if len(w.out) >= flushAt {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	w.out = append(w.out, ".\r\n"...)
	w.dotAt = len(w.out)
	w.appendNextEnvelope()
	return w.flush()
}

var (
	dot     = []byte(".")
	feedDot = []byte("\n.")
	lineEnd = []byte("\r\n")
)
