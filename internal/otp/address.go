package otp

import (
	"net/mail"
	"strings"
	"unicode/utf8"
)

const maxAddress = 254 // bytes, RFC 5321 4.5.3.1.3

// parseAddress takes a bare address and gives it without surrounding spaces;
// false for one with a display name, comments or control characters.
func parseAddress(s string) (string, bool) {
	s = strings.TrimSpace(s)
	// JSON turns bytes that are no UTF-8 into U+FFFD: nobody has such an address.
	if len(s) > maxAddress || !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) || strings.ContainsAny(s, "<>(),;\" ") {
		return "", false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return "", false
	}
	return s, true
}

// sameAddress compares addresses as customers are found: without regard to case.
func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// mask hides an address but for its first character and its domain. It is lower
// case, so that it does not tell how the site wrote the address it knows.
func mask(address string) string {
	local, domain, ok := strings.Cut(strings.ToLower(address), "@")
	if !ok || local == "" {
		return "***"
	}
	first, _ := utf8.DecodeRuneInString(local)
	return string(first) + "***@" + domain
}
