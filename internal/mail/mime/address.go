package mime

import (
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"

	"sespan/internal/address"
)

// mailbox is an address with the name that people read.
type mailbox struct {
	name    string // as it was given: words, a quoted string, encoded words
	address string // as it is sent
}

// EnvelopeAddress makes the bare address for the SMTP envelope from an address or
// a mailbox such as Jörg <joerg@bücher.example>: the domain in lower case and as
// punycode, the local part as it is. A local part beyond ASCII stays and needs a
// relay with SMTPUTF8.
func EnvelopeAddress(s string) (string, error) {
	if plainAddress(s) {
		return s, nil
	}
	m, err := parseMailbox(s)
	return m.address, err
}

// mailboxList makes the value of From, To and the like. Each element may be one
// mailbox or, as some clients write Reply-To, several with commas between.
// With asciiOnly the addresses that need SMTPUTF8 are left out.
func mailboxList(label string, list []string, optional, asciiOnly bool) (string, error) {
	var out []string
	for _, s := range list {
		if strings.TrimSpace(s) == "" && optional {
			continue
		}
		parsed, err := parseMailboxes(s)
		if err != nil {
			return "", invalid(label, "%s", err.Error())
		}
		for _, m := range parsed {
			if !asciiOnly || address.ASCII(m.address) {
				out = append(out, m.String())
			}
		}
	}
	if len(out) == 0 && !optional {
		return "", invalid(label, "is missing")
	}
	value := strings.Join(out, ", ")
	return value, checkTokens(label, value)
}

// String is the mailbox as it stands in a header.
func (m mailbox) String() string {
	if m.name == "" {
		return m.address
	}
	return encodePhrase(m.name) + " <" + m.address + ">"
}

func parseMailboxes(s string) ([]mailbox, error) {
	if plainAddress(s) {
		return []mailbox{{address: s}}, nil
	}
	if m, err := parseMailbox(s); err == nil {
		return []mailbox{m}, nil
	}
	list, err := mail.ParseAddressList(s)
	if err != nil || strings.ContainsAny(s, "\r\n\x00") {
		return nil, errNotMailbox
	}
	var out []mailbox
	for _, m := range list {
		read, err := readMailbox(m)
		if err != nil {
			return nil, err
		}
		out = append(out, read)
	}
	return out, nil
}

var errNotMailbox = errors.New("is not an address of the form name@domain or Name <name@domain>")

// parseMailbox takes what mail_enqueue takes: a name is passed on and not decoded, so
// that a charset which nobody here knows reaches the reader. Other forms, such as an
// address with a comment, are the standard library's to read.
func parseMailbox(s string) (mailbox, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return mailbox{}, errNotMailbox
	}
	s = strings.Trim(s, " ")
	name, spec := "", s
	if open := strings.LastIndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") {
		name, spec = strings.Trim(s[:open], " "), strings.Trim(s[open+1:len(s)-1], " ")
	}
	bare, err := normalise(spec)
	if err == nil && phrasePattern.MatchString(name) {
		return mailbox{name, bare}, nil
	}
	m, parseErr := mail.ParseAddress(s)
	switch {
	case parseErr == nil && !strings.HasSuffix(s, ";"): // it would take a group of one
		return readMailbox(m)
	case err == nil:
		err = errNotMailbox
	}
	return mailbox{}, err
}

// phrasePattern is a display name as it may stand before the <: a quoted string, or words
// without what has a meaning in a list of addresses (RFC 5322 section 3.2.3).
var phrasePattern = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|[^()<>\[\]:;@\\,."]*)$`)

// readMailbox is one that the standard library has read: the name decoded, the local part unquoted.
func readMailbox(m *mail.Address) (mailbox, error) {
	spec := strings.Trim((&mail.Address{Address: m.Address}).String(), "<>")
	bare, err := normalise(spec)
	return mailbox{quote(m.Name), bare}, err
}

// quote makes a name a quoted string where it has characters with a meaning.
func quote(name string) string {
	if name == "" || phrasePattern.MatchString(name) && name[0] != '"' {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// normalise brings the address into the form that is sent and checks RFC 5321's sizes;
// of a local part that section 4.5.3.1.1 lets a relay take and not only demands.
func normalise(spec string) (string, error) {
	at := strings.LastIndexByte(spec, '@')
	if at < 1 || !localPattern.MatchString(spec[:at]) {
		return "", errNotMailbox
	}
	domain, err := asciiDomain(spec[at+1:])
	if err != nil {
		return "", err
	}
	if at+1+len(domain) > 254 {
		return "", errors.New("is longer than 254 bytes")
	}
	return spec[:at+1] + domain, nil
}

var (
	errDomain = errors.New("has no valid domain after the @")
	// localPattern is a dot-string, with dots wherever Japanese operators once gave them out,
	// or a quoted string.
	localPattern = regexp.MustCompile(`^(?:[^\x00-\x20\x7f"(),:;<>@\\[\]]+|"(?:[^\x00-\x1f\x7f"\\<>]|\\[^\x00-\x1f\x7f<>])*")$`)
	// literalPattern is an address literal (RFC 5321 section 4.1.3); whether there is such a
	// host is the relay's question.
	literalPattern = regexp.MustCompile(`^\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?i:IPv6:)?[0-9A-Fa-f]*:[0-9A-Fa-f:.]{1,40})\]$`)
)

func asciiDomain(domain string) (string, error) {
	if literalPattern.MatchString(domain) {
		return domain, nil
	}
	domain, err := address.Domain(domain)
	if err != nil || !plainAddress("x@"+domain) {
		return "", errDomain
	}
	return domain, nil
}

// plainAddress reports whether s is already what EnvelopeAddress would make of it:
// the common case, decided in one pass.
func plainAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 1 || len(s) > 254 || at == len(s)-1 {
		return false
	}
	label := 0
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch {
		case i < at && (letter || 'A' <= c && c <= 'Z' || strings.IndexByte("+_-=/'!#$%&*?^`{|}~", c) >= 0):
			label++
		case i > at && (letter || c == '_' || c == '-' && label > 0 && s[i-1] != '.' && i+1 < len(s) && s[i+1] != '.'):
			label++
		case c == '.' && label > 0 && i+1 < len(s) || i == at && label > 0:
			label = 0
		default:
			return false
		}
		if i > at && label > 63 {
			return false
		}
	}
	return true
}
