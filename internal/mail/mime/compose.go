package mime

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Content is what a message says, before it becomes MIME.
type Content struct {
	MessageID   string // with angle brackets; stable over every try
	Date        time.Time
	From        string // RFC 5322 mailbox, may carry a display name
	ReplyTo     string
	To          []string // header addresses; the envelope is chosen per queue row
	CC          []string
	Subject     string
	Text        string
	HTML        string
	Headers     map[string]string // extra headers, already validated by mail_enqueue
	Attachments []Attachment
	Raw         []byte // a whole MIME message instead of the parts above
	ASCIIOnly   bool   // for a relay without SMTPUTF8: addresses and fields that need it are left out
}

// Attachment is a file or, with a ContentID, an inline image.
type Attachment struct {
	Filename    string
	ContentType string
	ContentID   string
	Data        []byte
}

// Compose makes the RFC 5322 message: CRLF line ends, lines of at most 998 bytes,
// no Bcc. Equal content gives equal bytes, so that every try sends the same
// message: boundaries come from the Message-ID, and a missing Message-ID is made
// from the content. A name or value that would break out of its header field is
// refused. The error is a *Error. With Raw set, that message is sent with
// its line ends corrected, Bcc removed, and From, Date and Message-ID added where
// they are missing.
func Compose(c Content) ([]byte, error) {
	if c.Raw != nil {
		return composeRaw(c)
	}
	head, err := c.header()
	if err != nil {
		return nil, err
	}
	root, err := c.partTree(head.boundarySeed)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, c.sizeHint()))
	writeHeader(out, append(head.fields, root.fields...))
	root.writeBody(out)
	return out.Bytes(), nil
}

// Error says which part of a Content cannot be sent. It never quotes the
// value: bodies and headers may hold secrets.
type Error struct {
	Field   string // from, reply_to, to, cc, subject, date, message_id, headers.<Name>, attachments[n], raw
	Problem string
}

func (e *Error) Error() string { return e.Field + ": " + e.Problem }

func invalid(field, format string, args ...any) error {
	return &Error{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// boundary is the same for the same mail, and can stand in no encoded part: "=_"
// occurs in neither quoted-printable nor base64 (RFC 2045 section 6.7).
func boundary(kind, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return "=_" + kind + hex.EncodeToString(sum[:12])
}

func (c Content) sizeHint() int {
	n := 2048 + len(c.Text)*5/4 + len(c.HTML)*5/4
	for _, a := range c.Attachments {
		n += 512 + len(a.Data)*11/8
	}
	return n
}
