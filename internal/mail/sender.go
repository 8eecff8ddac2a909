package mail

import (
	"context"
	"fmt"
	"time"
)

// Envelope is one SMTP transaction: one sender, one recipient, one message.
type Envelope struct {
	From        string // bare address of the reverse path
	Recipient   string // bare address
	Data        []byte // RFC 5322 message with CRLF line ends, not dot-stuffed
	HoldUnknown bool   // on_unknown = hold: the time in which an answer can be lost is to be short
	QueueID     int64  // of its row; for the trace
	Trace       string // traceparent of what enqueued it, "" for none

	// ASCII makes the message without the addresses that need SMTPUTF8, for a relay that
	// has not got it (RFC 6531 section 3.2); nil where Data is all there is.
	ASCII func() ([]byte, error)

	// Begin is called when a connection is at hand, before anything that could deliver
	// the mail. Its error ends the mail and is given back as it is.
	Begin func() error
}

// Receipt is the server's 2xx answer to the final dot.
type Receipt struct {
	Relay string // host:port that took the mail
	Reply string // the server's text, usually with its queue id
}

// Sender delivers envelopes. Send tries one; a failure is a *SendError. Ready waits
// while no mail may be tried because no relay serves; its error means that ctx has
// ended first. Where a relay serves it succeeds even after the end of ctx.
type Sender interface {
	Send(ctx context.Context, e Envelope) (Receipt, error)
	Ready(ctx context.Context) error
}

// Verdict says what a failed try means for the queue row.
type Verdict string

// The closed list of verdicts.
const (
	Retry   Verdict = "retry"   // safe to try again: the server did not take the mail
	Dead    Verdict = "dead"    // the server refused it for good (5xx)
	Unknown Verdict = "unknown" // the answer to the final dot was lost
)

// SendError is a failed try. Reason comes from the closed list of the sender's
// package and is a metric label; Reply may be shown to operators.
type SendError struct {
	Verdict  Verdict
	Reason   string // connect, tls, auth, greeting, mail_from, rcpt_to, data, timeout, closed, composed
	Code     int    // SMTP code, 0 when the server said none
	Enhanced string // RFC 3463 status such as 4.7.1, "" when none
	Reply    string
	After    time.Duration // the server asked to wait this long, 0 when it did not
	Relay    string        // host:port of the relay, "" when none was asked
	Err      error

	// Unreached: no relay could be used, so no mail at all could have been sent.
	Unreached bool
}

func (e *SendError) Error() string {
	if e.Code != 0 {
		return fmt.Sprintf("%s: %d %s %s", e.Reason, e.Code, e.Enhanced, e.Reply)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// RelayFailed says that not this mail but the relay is the cause: no mail at all
// could have been sent.
func (e *SendError) RelayFailed() bool {
	if e.Verdict != Retry {
		return false
	}
	switch e.Reason {
	case "connect", "tls", "auth", "greeting":
		return true
	}
	return e.Unreached
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }
