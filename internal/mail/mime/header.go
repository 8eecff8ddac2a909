package mime

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"sespan/internal/address"
)

// maxToken is the longest run without a space in a header field: with the field's
// name it must stay under the 998 bytes of a line (RFC 5322 section 2.1.1).
const maxToken = 900

// maxPiece is the longest run of blanks with the word after it, which are folded as one,
// so that no line ends in a blank or has nothing else.
const maxPiece = 990

type field struct{ name, value string }

type header struct {
	fields       []field
	boundarySeed string
}

func (c Content) header() (header, error) {
	from, err := mailboxList("from", []string{c.From}, false, false)
	if err != nil {
		return header{}, err
	}
	replyTo, err := mailboxList("reply_to", []string{c.ReplyTo}, true, c.ASCIIOnly)
	if err != nil {
		return header{}, err
	}
	to, err := mailboxList("to", c.To, true, c.ASCIIOnly)
	if err != nil {
		return header{}, err
	}
	cc, err := mailboxList("cc", c.CC, true, c.ASCIIOnly)
	if err != nil {
		return header{}, err
	}
	if to == "" && cc == "" {
		to = "undisclosed-recipients:;"
	}
	subject, err := encodeSubject(c.Subject)
	if err != nil {
		return header{}, err
	}
	extra, err := c.customFields()
	if err != nil {
		return header{}, err
	}
	id, err := c.messageID(from)
	if err != nil {
		return header{}, err
	}
	if c.Date.IsZero() {
		return header{}, invalid("date", "is missing")
	}
	fields := make([]field, 0, 10+len(extra))
	for _, f := range []field{
		{"Date", formatDate(c.Date)}, {"From", from}, {"Reply-To", replyTo}, {"To", to}, {"Cc", cc}, {"Subject", subject}, {"Message-ID", id},
	} {
		if f.value != "" || f.name == "Subject" {
			fields = append(fields, f)
		}
	}
	fields = append(append(fields, extra...), field{"MIME-Version", "1.0"})
	return header{fields: fields, boundarySeed: id}, nil
}

func formatDate(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700") }

// reserved are the fields that Compose or a relay writes itself.
var reserved = []string{
	"from", "to", "cc", "subject", "date", "reply-to", "mime-version", "return-path", "received", "dkim-signature",
}

// customFields are the caller's own fields in a stable order. Bcc never becomes a field;
// Message-ID is read by messageID.
func (c Content) customFields() ([]field, error) {
	fields := make([]field, 0, len(c.Headers))
	for name, value := range c.Headers {
		key := strings.ToLower(name)
		label := "headers." + name
		switch {
		case !validFieldName(name):
			return nil, invalid("headers", "a name must be 1 to 76 printable ASCII characters without space or colon")
		case slices.Contains(reserved, key) || strings.HasPrefix(key, "content-"):
			return nil, invalid(label, "is made from the other parts of the mail")
		case key == "message-id", key == "bcc", key == "resent-bcc":
			continue
		}
		encode := unstructured
		if isStructured(name) {
			encode = structuredField
		}
		encoded, err := encode(label, value)
		if err != nil {
			return nil, err
		}
		if c.ASCIIOnly && !address.ASCII(encoded) {
			continue
		}
		fields = append(fields, field{name, encoded})
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields, checkUnsubscribe(fields)
}

// messageID is the header field's, else the content's own, else one made from the content.
func (c Content) messageID(from string) (string, error) {
	id := c.MessageID
	for name, value := range c.Headers {
		if strings.EqualFold(name, "Message-ID") {
			id = value
		}
	}
	if id == "" {
		sum := sha256.New()
		for _, s := range [...]string{formatDate(c.Date), from, strings.Join(c.To, ","), c.Subject, c.Text, c.HTML, string(c.Raw)} {
			sum.Write(fmt.Appendf(nil, "%d:%s", len(s), s))
		}
		domain := strings.TrimRight(from[strings.LastIndexByte(from, '@')+1:], ">")
		id = "<" + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18]) + "@" + domain + ">"
	}
	left, right, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">"), "@")
	if !found || left == "" || right == "" || len(id) > 500 || id[0] != '<' || id[len(id)-1] != '>' ||
		strings.ContainsFunc(left+right, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) {
		return "", invalid("message_id", "must be of the form <left@right>")
	}
	return id, nil
}

func validFieldName(s string) bool {
	return s != "" && len(s) <= 76 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}

// oneLine is a value without the blanks around it.
func oneLine(label, value string) (string, error) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", invalid(label, "must be one line without control characters")
	}
	return validUTF8(strings.Trim(value, " \t")), nil
}

// unstructured makes an unstructured field's value: one line, RFC 2047 where it is not ASCII.
// Blanks stay, since a program may read it (JSON); without end they are encoded.
func unstructured(label, value string) (string, error) {
	value, err := oneLine(label, value)
	if err != nil {
		return "", err
	}
	if address.ASCII(value) && endlessBlanks(value) {
		return encodedWords(value), nil
	}
	value = mime.QEncoding.Encode("utf-8", value)
	return value, checkTokens(label, value)
}

// structuredField makes the value of a field of isStructured, in which blanks mean nothing.
func structuredField(label, value string) (string, error) {
	value, err := oneLine(label, value)
	if err != nil {
		return "", err
	}
	encoded := structured(value)
	if endlessBlanks(encoded) {
		encoded = strings.Join(strings.Fields(encoded), " ")
	}
	if checkTokens(label, encoded) != nil {
		return unstructured(label, value) // longer than any address
	}
	return encoded, nil
}

// encodeSubject is unstructured text like others, but a word that no line has room for is split
// into encoded words (RFC 2047), because nothing depends on how it is written.
func encodeSubject(value string) (string, error) {
	encoded, err := unstructured("subject", value)
	if err == nil || encoded == "" {
		return encoded, err
	}
	return encodedWords(encoded), nil // ASCII here: else it would have been encoded
}

// encodedWords are an ASCII text in base64 (RFC 2047), each short enough to be folded.
func encodedWords(text string) string {
	var words []string
	for chunk := range slices.Chunk([]byte(text), 45) {
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString(chunk)+"?=")
	}
	return strings.Join(words, " ")
}

// endlessBlanks reports whether blanks, and not a word, are what no line has room for.
func endlessBlanks(value string) bool {
	for rest := value; len(rest) > maxPiece; {
		word := strings.TrimLeft(rest, " \t")
		blanks := len(rest) - len(word)
		end := strings.IndexAny(word, " \t")
		if end < 0 {
			end = len(word)
		}
		if blanks > 1 && blanks+end > maxPiece {
			return true
		}
		rest = word[end:]
	}
	return false
}

func checkTokens(label, value string) error {
	for len(value) > maxToken {
		space := strings.LastIndexAny(value[:maxToken+1], " \t")
		if space < 0 {
			return invalid(label, "has more than %d characters without a space", maxToken)
		}
		value = value[space+1:]
	}
	return nil
}

// writeHeader writes the fields and the empty line after them.
func writeHeader(out *bytes.Buffer, fields []field) {
	for _, f := range fields {
		writeField(out, f)
	}
	out.WriteString("\r\n")
}

// writeField folds at 76 characters (RFC 2047 section 2 wants that of encoded words).
func writeField(out *bytes.Buffer, f field) {
	out.WriteString(f.name)
	out.WriteString(": ")
	room, rest := max(74-len(f.name), 0), f.value
	for len(rest) > room {
		at := strings.LastIndexAny(rest[:room+1], " \t")
		for at > 0 && (rest[at-1] == ' ' || rest[at-1] == '\t') { // no line ends in a blank, which may be lost
			at--
		}
		if at <= 0 { // a long word: fold after it
			word := strings.TrimLeft(rest, " \t")
			end := strings.IndexAny(word, " \t")
			if end < 0 {
				break
			}
			at = len(rest) - len(word) + end
		}
		out.WriteString(rest[:at])
		out.WriteString("\r\n")
		room, rest = 76, rest[at:]
	}
	out.WriteString(rest)
	out.WriteString("\r\n")
}
