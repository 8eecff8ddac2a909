package smtp

import (
	"bytes"
	"time"
)

// phase is where the dialogue stands: the command whose reply is due.
type phase int

const (
	connecting phase = iota
	greeting
	hello
	startTLS
	auth
	idle // nothing sent yet
	mailFrom
	rcptTo
	data     // DATA sent, 354 due
	body     // 354 seen, the message is being written
	finalDot // all written, the verdict is due
	housekeeping
)

// reason is the phase's word in mail.SendError.
func (p phase) reason() string {
	return [...]string{
		connecting: "connect", greeting: "greeting", hello: "greeting", startTLS: "tls", auth: "auth", idle: "closed",
		mailFrom: "mail_from", rcptTo: "rcpt_to", data: "data", body: "data", finalDot: "data", housekeeping: "closed",
	}[p]
}

func (p phase) String() string {
	return [...]string{
		connecting: "connecting", greeting: "the greeting", hello: "EHLO", startTLS: "STARTTLS", auth: "AUTH",
		idle: "idling", mailFrom: "MAIL", rcptTo: "RCPT", data: "DATA", body: "the message", finalDot: "the final dot",
		housekeeping: "RSET, NOOP or QUIT",
	}[p]
}

// timeout is the time for the phase as a whole; size is the message's.
func (t Timeouts) of(p phase, size int) time.Duration {
	switch p {
	case connecting:
		return t.Connect
	case body:
		return t.Data + time.Duration(size/(32<<10))*time.Second
	case finalDot:
		return t.Final
	default:
		return t.Command
	}
}

// phaseOf reads the phase off a command line that the library writes. A line that
// is no command continues the phase (the answers to an AUTH challenge).
func phaseOf(line []byte, now phase) phase {
	verb, _, _ := bytes.Cut(line, []byte(" "))
	switch string(bytes.TrimRight(verb, "\r\n")) {
	case "EHLO", "HELO":
		return hello
	case "AUTH":
		return auth
	case "MAIL":
		return mailFrom
	case "RCPT":
		return rcptTo
	case "DATA":
		return data
	case "RSET", "NOOP", "QUIT":
		return housekeeping
	default:
		return now
	}
}
