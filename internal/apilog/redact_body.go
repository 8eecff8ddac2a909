package apilog

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxBody    = 16 << 10 // bytes of a stored body
	maxExcerpt = 256      // bytes of a stored body that is not JSON
)

// RedactBody makes the stored form of a request's or an answer's body. JSON keeps
// its shape, with secret values replaced; anything else is stored only as a short
// excerpt, and only when nothing in it hints at a secret.
func RedactBody(raw []byte) Body {
	if len(bytes.TrimSpace(raw)) == 0 {
		return Body{}
	}
	if clean, ok := redactJSON(raw, maxBody); ok {
		return Body{sanitise(clean, maxBody, len(raw))}
	}
	if !harmless(raw) {
		return Body{fmt.Sprintf("[not stored: not JSON, %d bytes]", len(raw))}
	}
	return Body{sanitise(raw, maxExcerpt, len(raw))}
}

// harmless tells whether text that is not JSON may be shown: printable ASCII
// without secret words, without escapes that could hide one and with too few
// digits for a code.
func harmless(raw []byte) bool {
	digits := 0
	for _, c := range raw {
		switch {
		case c == '%' || c == '\\' || c == '&' && len(raw) > maxExcerpt:
			return false
		case c == '\n' || c == '\r' || c == '\t':
		case c < ' ' || c > '~':
			return false
		case '0' <= c && c <= '9':
			digits++
		}
	}
	if digits >= 6 || secretValue(raw) {
		return false
	}
	plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(string(raw)))
	for name := range secretNames {
		if strings.Contains(plain, name) {
			return false
		}
	}
	for _, part := range secretParts {
		if strings.Contains(plain, part) {
			return false
		}
	}
	return true
}

// sanitise gives text that PostgreSQL takes: valid UTF-8 without NUL, at most
// maximum bytes and then a note of the whole size.
func sanitise(b []byte, maximum, whole int) string {
	cut := len(b) > maximum
	if cut {
		b = b[:maximum]
		for n := 0; n < utf8.UTFMax && len(b) > 0; n++ { // not in the middle of a character
			if r, size := utf8.DecodeLastRune(b); r != utf8.RuneError || size != 1 {
				break
			}
			b = b[:len(b)-1]
		}
	}
	s := clean(string(b))
	if cut {
		s += fmt.Sprintf("… [cut, %d bytes in all]", whole)
	}
	return s
}

const replacement = "\uFFFD"

// clean replaces what PostgreSQL refuses in text: invalid UTF-8 and NUL.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, replacement)
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", replacement)
	}
	return s
}
