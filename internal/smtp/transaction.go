package smtp

import (
	"bytes"
	"errors"
	"slices"

	"sespan/internal/mail"
	"sespan/internal/mail/mime"
)

// transaction is one mail ready for the wire.
type transaction struct {
	from, recipient string
	data            []byte // CRLF line ends only: a lone CR could end the message at the next relay
	utf8            bool   // an address or a header field needs SMTPUTF8
	mustUTF8        bool   // an address does: without SMTPUTF8 it cannot be sent
	holdUnknown     bool   // a second copy would be worse than none
	chunk           bool   // the message may travel with its envelope
}

func newTransaction(e mail.Envelope) (transaction, error) {
	from, err := mime.EnvelopeAddress(e.From)
	if err != nil {
		return transaction{}, refused("sender address", err)
	}
	recipient, err := mime.EnvelopeAddress(e.Recipient)
	if err != nil {
		return transaction{}, refused("recipient address", err)
	}
	if len(e.Data) == 0 {
		return transaction{}, refused("message", errors.New("is empty"))
	}
	tx := transaction{from: from, recipient: recipient, holdUnknown: e.HoldUnknown, chunk: !e.HoldUnknown}
	tx.mustUTF8 = !ascii(from) || !ascii(recipient)
	tx.carry(e.Data)
	return tx, nil
}

// carry takes the message.
func (tx *transaction) carry(message []byte) {
	tx.data = mime.CRLF(message)
	if !bytes.HasSuffix(tx.data, lineEnd) {
		tx.data = slices.Concat(tx.data, lineEnd)
	}
	head, _, _ := bytes.Cut(tx.data, []byte("\r\n\r\n"))
	tx.utf8 = tx.mustUTF8 || !ascii(head)
}

// reduce makes it a mail for a relay without SMTPUTF8: the addresses that it does not take
// are not named to the recipient that it can serve.
func (tx *transaction) reduce(message func() ([]byte, error)) error {
	data, err := message()
	if err != nil {
		return refused("message for a relay without SMTPUTF8", err)
	}
	tx.carry(data)
	return nil
}

func refused(what string, err error) error {
	return &mail.SendError{Verdict: mail.Dead, Reason: "composed", Err: errors.New(what + " " + err.Error())}
}

func ascii[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
