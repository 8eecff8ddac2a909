package mime

import (
	"bytes"
	"slices"
	"strings"

	"sespan/internal/address"
)

// maxLine is the longest line of a message without its CRLF (RFC 5322 section 2.1.1).
const maxLine = 998

// composeRaw touches as little as it can, so that a signature over the message
// stays valid: line ends, Bcc, and the fields that must be there.
func composeRaw(c Content) ([]byte, error) {
	b := CRLF(c.Raw)
	for line := range bytes.Lines(b) {
		if len(line) > maxLine+2 {
			return nil, invalid("raw", "a line is longer than %d bytes: encode the part as quoted-printable or base64", maxLine)
		}
	}
	fields, body, err := splitRaw(b)
	if err != nil {
		return nil, err
	}
	missing, err := c.requiredFields(fields)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, len(b)+256))
	for _, f := range missing {
		out.WriteString(f.name + ": " + f.value + "\r\n")
	}
	for _, f := range fields {
		if f.name != "bcc" && f.name != "resent-bcc" && (!c.ASCIIOnly || !needsSMTPUTF8(&f)) {
			out.WriteString(f.value)
		}
	}
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes(), nil
}

// needsSMTPUTF8 reports whether a field of addresses beyond ASCII has none that another relay
// takes; else it leaves the others out of it.
func needsSMTPUTF8(f *field) bool {
	if f.name != "to" && f.name != "cc" && f.name != "reply-to" || address.ASCII(f.value) {
		return false
	}
	_, value, _ := strings.Cut(f.value, ":")
	list, err := mailboxList(f.name, []string{strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\r\n", "").Replace(value)}, true, true)
	if err != nil || list == "" {
		return true
	}
	var out bytes.Buffer
	writeField(&out, field{rawNames[f.name], list})
	f.value = out.String()
	return false
}

var rawNames = map[string]string{"to": "To", "cc": "Cc", "reply-to": "Reply-To"}

// splitRaw gives the header's fields, each with its lower-case name and as it
// stands, and the body.
func splitRaw(b []byte) (fields []field, body []byte, err error) {
	for len(b) > 0 && !bytes.HasPrefix(b, []byte("\r\n")) {
		line, rest, _ := bytes.Cut(b, []byte("\r\n"))
		if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, nil, invalid("raw", "the header holds control characters")
		}
		whole := string(line) + "\r\n"
		if len(fields) > 0 && (line[0] == ' ' || line[0] == '\t') {
			fields[len(fields)-1].value += whole
		} else {
			name, _, found := strings.Cut(whole, ":")
			if name = strings.TrimRight(name, " \t"); !found || !validFieldName(name) {
				return nil, nil, invalid("raw", "must begin with header fields, then an empty line")
			}
			fields = append(fields, field{strings.ToLower(name), whole})
		}
		b = rest
	}
	if len(fields) == 0 {
		return nil, nil, invalid("raw", "has no header")
	}
	return fields, bytes.TrimPrefix(b, []byte("\r\n")), nil
}

// requiredFields are the fields that every message must have and this one lacks.
func (c Content) requiredFields(have []field) ([]field, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(have, func(f field) bool { return f.name == name })
	}
	var out []field
	from, err := mailboxList("from", []string{c.From}, true, false)
	if !has("from") {
		if err != nil || from == "" {
			return nil, invalid("from", "is missing in the raw message")
		}
		out = append(out, field{"From", from})
	}
	if !has("date") {
		if c.Date.IsZero() {
			return nil, invalid("date", "is missing in the raw message")
		}
		out = append(out, field{"Date", formatDate(c.Date)})
	}
	if !has("message-id") {
		if from == "" {
			from = "localhost" // the domain of the Message-ID only
		}
		id, err := c.messageID(from)
		if err != nil {
			return nil, err
		}
		out = append(out, field{"Message-ID", id})
	}
	return out, nil
}
