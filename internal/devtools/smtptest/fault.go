package smtptest

import (
	"io"
	"strings"
)

// Phase is where in the dialogue a fault happens.
type Phase string

// The phases, see the package's drawing.
const (
	Greeting  Phase = "greeting"
	EHLO      Phase = "EHLO"
	MAIL      Phase = "MAIL"
	RCPT      Phase = "RCPT"
	DATA      Phase = "DATA"
	Body      Phase = "body" // the only fault is Drop: the connection is lost while the message comes
	EndOfData Phase = "end of data"
)

// Turn is what a fault may depend on.
type Turn struct {
	Phase     Phase
	Recipient string // "" before RCPT
	N         int    // how often the phase has been reached on any connection, from 1
	Mails     int    // messages that came whole on this connection
}

// Fault is what the server does instead of the right thing: one of those below, or a
// reply such as "450 4.2.1 later". A 421 ends the connection.
type Fault string

// The faults that are no reply.
const (
	None    Fault = ""
	Hang    Fault = "hang"    // says nothing until the client leaves
	Trickle Fault = "trickle" // a byte each 20 ms, never a whole reply
	Drop    Fault = "drop"    // closes the connection
	Garbage Fault = "garbage" // writes what is no SMTP
	Endless Fault = "endless" // a reply that never ends
)

// refuses reports whether the fault is a reply that refuses.
func (f Fault) refuses() bool { return len(f) > 3 && (f[0] == '4' || f[0] == '5') }

// commit does the fault; false ends the connection.
func (f Fault) commit(s *Session) bool {
	switch f {
	case Hang:
		s.Hang()
		return false
	case Trickle:
		s.Trickle("250 a long answer, one byte at a time")
		return false
	case Drop:
		return false
	case Garbage:
		s.Reply("\x00\xff certainly no SMTP")
		s.Hang()
		return false
	case Endless:
		s.Endless("250")
		return false
	}
	_, err := io.WriteString(s, string(f)+"\r\n")
	return err == nil && !strings.HasPrefix(string(f), "421")
}
