package smtp

import (
	"bytes"
	"errors"
	"strings"

	"sespan/internal/mail"
)

// transaction is one mail ready for the wire.
type transaction struct {
	from, recipient string
	data            string // CRLF line ends only: a lone CR would pass the library and could end the message at the next relay
	utf8            bool   // an address or a header field needs SMTPUTF8
	mustUTF8        bool   // an address does: without SMTPUTF8 it cannot be sent
}

func newTransaction(e mail.Envelope) (transaction, error) {
	if err := checkAddress(e.From); err != nil {
		return transaction{}, refused("sender address", err)
	}
	if err := checkAddress(e.Recipient); err != nil {
		return transaction{}, refused("recipient address", err)
	}
	if len(e.Data) == 0 {
		return transaction{}, refused("message", errors.New("is empty"))
	}
	tx := transaction{from: e.From, recipient: e.Recipient, data: string(mail.CRLF(e.Data))}
	tx.mustUTF8 = !ascii(e.From) || !ascii(e.Recipient)
	head, _, _ := bytes.Cut(e.Data, []byte("\r\n\r\n"))
	tx.utf8 = tx.mustUTF8 || !ascii(head)
	return tx, nil
}

func refused(what string, err error) error {
	return &mail.SendError{Verdict: mail.Dead, Reason: "composed", Err: errors.New(what + " " + err.Error())}
}

// checkAddress guards the command line; whether the address is any good was
// decided when the mail was enqueued.
func checkAddress(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > 320:
		return errors.New("is too long")
	case !strings.Contains(s, "@"):
		return errors.New("has no @")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' || r == 0xfffd }):
		return errors.New("holds a character that cannot be sent")
	case strings.Contains(s, " ") && s[0] != '"':
		return errors.New("holds a space")
	}
	return nil
}

func ascii[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
