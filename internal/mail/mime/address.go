package mime

import (
	"errors"
	"net/mail"
	"net/netip"
	"strings"

	"sespan/internal/address"
)

// EnvelopeAddress makes the bare address for the SMTP envelope from an address or
// a mailbox such as Jörg <joerg@bücher.example>: the domain in lower case and as
// punycode, the local part as it is. A local part beyond ASCII stays and needs a
// relay with SMTPUTF8.
func EnvelopeAddress(s string) (string, error) {
	if plainAddress(s) {
		return s, nil
	}
	m, err := parseMailbox(s)
	if err != nil {
		return "", err
	}
	return strings.Trim((&mail.Address{Address: m.Address}).String(), "<>"), nil
}

// mailboxList makes the value of From, To and the like. Each element may be one
// mailbox or, as some clients write Reply-To, several with commas between.
func mailboxList(label string, list []string, optional bool) (string, error) {
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
			out = append(out, formatMailbox(m))
		}
	}
	if len(out) == 0 && !optional {
		return "", invalid(label, "is missing")
	}
	value := strings.Join(out, ", ")
	return value, checkTokens(label, value)
}

func formatMailbox(m *mail.Address) string {
	if m.Name == "" {
		return strings.Trim(m.String(), "<>")
	}
	return m.String()
}

func parseMailboxes(s string) ([]*mail.Address, error) {
	if plainAddress(s) {
		return []*mail.Address{{Address: s}}, nil
	}
	if m, err := parseMailbox(s); err == nil {
		return []*mail.Address{m}, nil
	}
	list, err := mail.ParseAddressList(s)
	if err != nil || strings.ContainsAny(s, "\r\n\x00") {
		return nil, errNotMailbox
	}
	for _, m := range list {
		if err := normalise(m); err != nil {
			return nil, err
		}
	}
	return list, nil
}

var errNotMailbox = errors.New("is not an address of the form name@domain or Name <name@domain>")

func parseMailbox(s string) (*mail.Address, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return nil, errNotMailbox
	}
	m, err := mail.ParseAddress(s)
	if err != nil || strings.HasSuffix(strings.TrimSpace(s), ";") { // it would take a group of one
		return nil, errNotMailbox
	}
	return m, normalise(m)
}

// normalise brings the address into the form that is sent and checks RFC 5321's sizes.
func normalise(m *mail.Address) error {
	at := strings.LastIndexByte(m.Address, '@')
	local, domain := m.Address[:at], m.Address[at+1:]
	switch {
	case len(local) > 64:
		return errors.New("has more than 64 bytes before the @")
	case strings.ContainsFunc(local, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }):
		return errors.New("has a character before the @ that cannot be sent")
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return err
	}
	m.Address = local + "@" + domain
	if len(m.Address) > 254 {
		return errors.New("is longer than 254 bytes")
	}
	return nil
}

var errDomain = errors.New("has no valid domain after the @")

func asciiDomain(domain string) (string, error) {
	if inner, ok := strings.CutPrefix(domain, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:"))
		if err != nil || ip.Zone() != "" || !strings.HasSuffix(domain, "]") {
			return "", errDomain
		}
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
	if at < 1 || at > 64 || len(s) > 254 || at == len(s)-1 {
		return false
	}
	label := 0
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch {
		case i < at && (letter || 'A' <= c && c <= 'Z' || strings.IndexByte("+_-=/'!#$%&*?^`{|}~", c) >= 0):
			label++
		case i > at && (letter || c == '-' && label > 0 && s[i-1] != '.' && i+1 < len(s) && s[i+1] != '.'):
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
