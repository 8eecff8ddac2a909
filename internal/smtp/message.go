package smtp

import (
	"bytes"
	"strconv"
)

// goAhead is what the library gets instead of the reply to a DATA that is not sent.
var goAhead = []byte("354 go ahead\r\n")

// maxChunk bounds a message that travels with its envelope: of a refused
// envelope no more is sent in vain.
const maxChunk = flushAt

// writeEnvelope writes MAIL in the place of the library, which neither knows the size of
// the message nor when SMTPUTF8 is needed, and adds what may travel with it: RCPT
// and DATA (RFC 2920), or RCPT and the message itself as one chunk (RFC 3030).
func (w *wire) writeEnvelope() {
	w.appendMail(&w.tx)
	w.tx.chunk = w.tx.chunk && w.caps.chunking && w.caps.pipelining && len(w.tx.data) <= maxChunk
	if !w.caps.pipelining {
		return
	}
	w.appendRcpt(&w.tx)
	w.pipelinedCommands = 2
	if !w.tx.chunk {
		w.writeBuf = append(w.writeBuf, "DATA\r\n"...)
		return
	}
	w.writeBuf = strconv.AppendInt(append(w.writeBuf, "BDAT "...), int64(len(w.tx.data)), 10)
	w.writeBuf = append(append(w.writeBuf, " LAST\r\n"...), w.tx.data...)
}

func (w *wire) appendMail(tx *transaction) {
	w.writeBuf = append(append(append(w.writeBuf, "MAIL FROM:<"...), tx.from...), '>')
	if w.caps.eightBit {
		w.writeBuf = append(w.writeBuf, " BODY=8BITMIME"...)
	}
	if w.caps.size {
		w.writeBuf = strconv.AppendInt(append(w.writeBuf, " SIZE="...), int64(len(tx.data)), 10)
	}
	if tx.utf8 && w.caps.utf8 {
		w.writeBuf = append(w.writeBuf, " SMTPUTF8"...)
	}
	w.writeBuf = append(w.writeBuf, "\r\n"...)
}

func (w *wire) appendRcpt(tx *transaction) {
	w.writeBuf = append(append(append(w.writeBuf, "RCPT TO:<"...), tx.recipient...), ">\r\n"...)
}

// writeMessage writes the message after DATA: dots doubled (RFC 5321 section 4.5.2),
// the final dot, and the next envelope where one is ready. A large one goes out in
// pieces.
func (w *wire) writeMessage() error {
	rest := w.tx.data
	if bytes.HasPrefix(rest, dot) {
		w.writeBuf = append(w.writeBuf, '.')
	}
	for len(rest) > 0 {
		piece := rest[:min(len(rest), flushAt)]
		if at := bytes.Index(rest[:min(len(rest), flushAt+1)], feedDot); at >= 0 {
			piece = rest[:at+1] // up to the line feed; the dot begins the rest
			w.writeBuf = append(append(w.writeBuf, piece...), '.')
		} else {
			w.writeBuf = append(w.writeBuf, piece...)
		}
		rest = rest[len(piece):]
		if len(w.writeBuf) >= flushAt {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	w.writeBuf = append(w.writeBuf, ".\r\n"...)
	w.messageEnd = len(w.writeBuf)
	w.appendNextEnvelope()
	return w.flush()
}

var (
	dot     = []byte(".")
	feedDot = []byte("\n.")
	lineEnd = []byte("\r\n")
)
