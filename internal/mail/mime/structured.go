package mime

import (
	"mime"
	"net/mail"
	"strings"

	"sespan/internal/address"
)

// structuredNames are fields of addresses, identifiers or lists of phrases, in which only what
// people read may be encoded (RFC 2047 section 5); fields of lists (RFC 2369) are others.
var structuredNames = map[string]bool{
	"sender": true, "resent-from": true, "resent-sender": true, "resent-to": true, "resent-cc": true, "author": true, "keywords": true,
	"disposition-notification-to": true, "return-receipt-to": true, "errors-to": true, "mail-followup-to": true, "mail-reply-to": true,
	"x-confirm-reading-to": true, "apparently-to": true, "original-recipient": true, "original-from": true, "delivered-to": true,
	"x-original-to": true, "x-sender": true, "x-original-from": true, "x-original-sender": true, "x-envelope-from": true, "x-envelope-to": true,
}

func isStructured(name string) bool {
	name = strings.ToLower(name)
	return structuredNames[name] || strings.HasPrefix(name, "list-")
}

// structured encodes the display names, phrases and comments of a value beyond ASCII; addresses
// and what else stands in angle brackets stay, the domain as A-labels.
func structured(value string) string {
	if address.ASCII(value) {
		return value
	}
	var out []string
	glue := "" // what the next piece is written after
	add := func(piece string) {
		if piece == "" {
			return
		}
		if len(out) > 0 {
			out = append(out, glue)
		}
		out, glue = append(out, piece), " "
	}
	for rest := value; rest != ""; {
		var piece string
		piece, rest = nextPiece(rest)
		last := len(piece) - 1
		switch {
		case strings.IndexByte(",;:", piece[0]) >= 0:
			glue = ""
			add(piece)
		case piece[0] == '<' && piece[last] == '>':
			add("<" + asciiAddress(strings.Trim(piece[1:last], " \t")) + ">")
		case piece[0] == '(' && piece[last] == ')':
			add(encodeComment(piece[1:last]))
		default:
			add(encodeWords(strings.Trim(piece, " \t")))
		}
	}
	return strings.Join(out, "")
}

// nextPiece cuts off <…>, a comment, a separator, or the text before one of these.
func nextPiece(s string) (piece, rest string) {
	switch s[0] {
	case ',', ';', ':':
		return s[:1], s[1:]
	case '<':
		if end := strings.IndexByte(s, '>'); end > 0 {
			return s[:end+1], s[end+1:]
		}
	case '(':
		if end := endOfComment(s); end > 0 {
			return s[:end], s[end:]
		}
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && i > 0 && strings.IndexByte("<(,;:", c) >= 0:
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// endOfComment is the length of the comment that s begins with, 0 where it has no end.
func endOfComment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// encodeWords encodes a text between separators: a bare address or a phrase.
func encodeWords(text string) string {
	if strings.Contains(text, "@") && !strings.ContainsAny(text, " \t\"") {
		return asciiAddress(text)
	}
	return encodePhrase(text)
}

// asciiAddress has the domain as A-labels, where it is one.
func asciiAddress(spec string) string {
	at := strings.LastIndexByte(spec, '@')
	if at < 0 || address.ASCII(spec) {
		return spec
	}
	if domain, err := asciiDomain(spec[at+1:]); err == nil {
		return spec[:at+1] + domain
	}
	return spec
}

// encodePhrase makes a display name ASCII; one that is stays as it is, encoded words too.
func encodePhrase(name string) string {
	if address.ASCII(name) {
		return name
	}
	name = unquote(validUTF8(name))
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	const other = " <a@b>"
	return strings.TrimSuffix((&mail.Address{Name: name, Address: "a@b"}).String(), other)
}

// encodeComment puts into parentheses what a comment says; beyond ASCII in base64, which has none.
func encodeComment(comment string) string {
	if address.ASCII(comment) {
		return "(" + comment + ")"
	}
	return "(" + mime.BEncoding.Encode("utf-8", validUTF8(strings.ReplaceAll(comment, `\`, ""))) + ")"
}

// unquote takes the quotes and the backslashes of quoted strings out of a phrase.
func unquote(phrase string) string {
	if !strings.Contains(phrase, `"`) {
		return phrase
	}
	var out strings.Builder
	quoted := false
	for i := 0; i < len(phrase); i++ {
		switch c := phrase[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(phrase):
			i++
			out.WriteByte(phrase[i])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
