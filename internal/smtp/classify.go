package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"sespan/internal/mail"
)

// Reasons is the closed list of reasons why a try failed: phases, and what ends them.
func Reasons() []string {
	return []string{"connect", "greeting", "tls", "auth", "mail_from", "rcpt_to", "data", "closed", "timeout", "composed"}
}

// classify says what a failed try means for the mail, from where the wire stands.
func classify(ctx context.Context, w *wire, err error) *mail.SendError {
	e := &mail.SendError{Verdict: mail.Retry, Reason: w.phase.reason(), Err: err}
	answered := w.refusal.code != 0
	if w.messageSent && !answered {
		e.Verdict = mail.Unknown
	}
	switch {
	case answered:
		e.Code = w.refusal.code
		e.Enhanced, e.Reply = w.refusal.text()
		if e.Code < 500 {
			e.After = retryAfter(e.Reply)
		}
		e.Verdict, e.Reason = verdictOf(w.phase, e.Code, e.Reason)
		if w.phase == rcptTo && tooManyRecipients(e) {
			e.Verdict = mail.Retry
		}
	case ctx.Err() != nil:
		e.Reason, e.Err = "timeout", fmt.Errorf("ended by the caller at %s: %w", w.phase, context.Cause(ctx))
	case timedOut(err):
		e.Reason, e.Err = "timeout", fmt.Errorf("no progress at %s in the time allowed: %w", w.phase, err)
	case w.broken != nil && w.phase > connecting && w.phase != startTLS && !isMalformed(w.broken):
		e.Reason, e.Err = "closed", fmt.Errorf("connection lost at %s: %w", w.phase, w.broken)
	}
	return e
}

// verdictOf reads a refusal. 5xx ends a mail only where it concerns this mail: a
// relay that wants other credentials, or is out of step, does not.
func verdictOf(p phase, code int, reason string) (mail.Verdict, string) {
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538:
		return mail.Retry, "auth"
	case code >= 500 && code != 503 && p >= mailFrom && p <= finalDot:
		return mail.Dead, reason
	default:
		return mail.Retry, reason
	}
}

// tooManyRecipients reports the 552 of older servers that means 452 (RFC 5321 section
// 4.5.3.1.10), and not a mailbox that is full.
func tooManyRecipients(e *mail.SendError) bool {
	return e.Code == 552 && (e.Enhanced == "5.5.3" || e.Enhanced == "" && strings.Contains(strings.ToLower(e.Reply), "too many recipients"))
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &n) && n.Timeout()
}

func isMalformed(err error) bool {
	return errors.Is(err, errReplyTooLong) || errors.Is(err, errNotSMTP)
}

// tooManyConnections reports whether a relay refused a connection because there are too many.
func tooManyConnections(err error) bool {
	var e *mail.SendError
	if !errors.As(err, &e) || e.Code == 0 || e.Reason == "mail_from" {
		return false
	}
	text := strings.ToLower(e.Reply)
	return e.Code == 421 || strings.Contains(text, "too many") || strings.Contains(text, "connections")
}
