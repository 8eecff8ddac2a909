package apilog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxValue  = 1 << 10 // bytes of one stored header value
	maxHeader = 8 << 10 // bytes of a stored header; what comes after is dropped
	maxNames  = 100

	maxStrangerValue  = 128
	maxStrangerHeader = 512

	lineMethod = ":method"
	linePath   = ":path"
)

// RedactRequest makes the stored form of a request's header. The request line
// becomes ":method" and ":path" (as in HTTP/2), target is the path with its query.
func RedactRequest(method, target string, header map[string][]string) Header {
	w := headerWriter{}
	w.field(lineMethod, []string{method})
	w.field(linePath, []string{redactTarget(target)})
	return w.fields(header)
}

// RedactHeader makes the stored form of an answer's header.
func RedactHeader(header map[string][]string) Header {
	return (&headerWriter{}).fields(header)
}

// RedactStranger makes the stored form of a request's header of somebody who is not
// known: short, whatever was sent.
func RedactStranger(method, target string, header map[string][]string) Header {
	w := headerWriter{value: maxStrangerValue, total: maxStrangerHeader}
	w.field(lineMethod, []string{method})
	w.field(linePath, []string{redactTarget(target)})
	return w.fields(header)
}

// headerWriter writes a header; its zero value as long as one may be.
type headerWriter struct {
	b            []byte
	value, total int // bytes of one value and of all; 0 for the usual
}

func (w *headerWriter) maxValue() int { return cmp.Or(w.value, maxValue) }

func (w *headerWriter) maxTotal() int { return cmp.Or(w.total, maxHeader) }

func (w *headerWriter) fields(header map[string][]string) Header {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i >= maxNames || len(w.b) > w.maxTotal() {
			w.field(":cut", []string{"further headers were not stored"})
			break
		}
		w.field(strings.ToLower(name), redactField(name, header[name]))
	}
	if len(w.b) == 0 {
		return Header{"{}"}
	}
	return Header{string(append(w.b, '}'))}
}

func (w *headerWriter) field(name string, values []string) {
	w.b = append(w.b, ","...)
	if len(w.b) == 1 {
		w.b[0] = '{'
	}
	w.b = append(appendString(w.b, name, maxNameLength), ':')
	if len(values) == 1 {
		w.b = appendString(w.b, values[0], w.maxValue())
		return
	}
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if len(w.b) > w.maxTotal() {
			w.b = append(w.b, `"…"`...)
			break
		}
		w.b = appendString(w.b, v, w.maxValue())
	}
	w.b = append(w.b, ']')
}

// appendString appends a JSON string. What jsonb refuses is replaced first: NUL
// and invalid UTF-8.
func appendString(b []byte, s string, maximum int) []byte {
	if len(s) > maximum {
		s = sanitise([]byte(s), maximum, len(s))
	}
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = ' ' <= s[i] && s[i] <= '~' && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(clean(s))
	if err != nil { // a string always marshals
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

// redactField replaces the secret values of one header.
func redactField(name string, values []string) []string {
	out := make([]string, len(values))
	secret := secretName([]byte(name))
	for i, v := range values {
		switch {
		case strings.EqualFold(name, "Authorization"):
			out[i] = redactAuthorization(v)
		case traceHeader(name):
			out[i] = redactTrace(name, v)
		case secret || secretValue([]byte(v)):
			out[i] = redacted
		case strings.EqualFold(name, "Referer") || strings.EqualFold(name, "Location"):
			out[i] = redactTarget(v)
		default:
			out[i] = v
		}
	}
	return out
}

// redactAuthorization keeps the public id of a service key, so that the log tells
// which key made a call, and nothing of anything else.
func redactAuthorization(v string) string {
	const shape = len("Bearer sk_") + 12 + 1 + 43
	if len(v) == shape && strings.HasPrefix(v, "Bearer sk_") && v[22] == '_' && !bytes.ContainsAny([]byte(v[10:22]), "_-. ") {
		return v[:23] + redacted
	}
	return redacted
}

// redactTarget replaces the values of secret query parameters and drops a
// fragment, in which the links of our mails carry the code.
func redactTarget(target string) string {
	target, _, _ = strings.Cut(target, "#")
	path, query, found := strings.Cut(target, "?")
	if secretValue([]byte(path)) {
		path = redacted
	}
	if !found {
		return path
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if secretName([]byte(name)) || strings.Contains(name, "%") || secretValue([]byte(pair)) {
			pairs[i] = redacted
			if len(name) <= maxNameLength && !secretValue([]byte(name)) {
				pairs[i] = name + "=" + redacted
			}
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

const (
	maxBody    = 16 << 10 // bytes of a stored body
	maxExcerpt = 256      // bytes of a stored body that is not JSON
)

// RedactBody makes the stored form of a request's or an answer's body. JSON keeps
// its shape, with secret values replaced; anything else is stored only as a short
// excerpt, and only when nothing in it hints at a secret.
func RedactBody(raw []byte) Body { return RedactStart(raw, len(raw)) }

// RedactStart is RedactBody for the beginning of a body of whole bytes.
func RedactStart(raw []byte, whole int) Body {
	if len(bytes.TrimSpace(raw)) == 0 {
		return Body{}
	}
	if clean, ok := redactJSON(raw, maxBody); ok {
		return Body{sanitise(clean, maxBody, whole)}
	}
	if whole > len(raw) || !harmless(raw) {
		return Body{fmt.Sprintf("[not stored: not JSON, %d bytes]", whole)}
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
