package address

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxBytes  = 1000 // of an address; what SMTP has room for is the composer's question
	maxDomain = 253  // RFC 1035, 2.3.4, without the root's dot
	blanks    = " \t\r\n\f\v"
)

var (
	errForm   = errors.New("is not an e-mail address of the form name@domain")
	errDomain = errors.New("has no valid domain after the @")
)

// Mailbox gives the address to write to.
func Mailbox(s string) (string, error) {
	local, domain, err := split(s)
	if err != nil {
		return "", err
	}
	if domain, err = Domain(domain); err != nil {
		return "", err
	}
	return norm.NFC.String(local) + "@" + domain, nil
}

// Key gives the address key.
func Key(s string) (string, error) {
	local, domain, err := split(s)
	if err != nil {
		return "", err
	}
	if domain, err = Domain(domain); err != nil {
		return "", err
	}
	return fold(local) + "@" + domain, nil
}

// Same reports whether two addresses have one key; what has none is like nothing.
func Same(a, b string) bool {
	x, err := Key(a)
	if err != nil {
		return false
	}
	y, err := Key(b)
	return err == nil && x == y
}

// Domain gives a domain as A-labels.
func Domain(s string) (string, error) {
	if ASCII(s) {
		if s = Lower(s); !labels(s) {
			return "", errDomain
		}
		return s, nil
	}
	// The capital ẞ, which Unicode once mapped to ss and now maps to ß.
	plain, err := profile().ToASCII(strings.ReplaceAll(s, "ẞ", "ß"))
	if err != nil || len(plain) > maxDomain || !labels(plain) {
		return "", errDomain
	}
	return plain, nil
}

// UTS 46 as it is for look-ups, non-transitional.
func profile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true), idna.CheckHyphens(false),
		idna.CheckJoiners(true), idna.BidiRule())
}

func split(s string) (local, domain string, err error) {
	if len(s) > maxBytes || !utf8.ValidString(s) {
		return "", "", errForm
	}
	s = strings.Trim(s, blanks)
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.ContainsFunc(s, forbidden) {
		return "", "", errForm
	}
	return s[:at], s[at+1:], nil
}

func forbidden(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// fold is NFKC, Unicode's full case folding, and NFKC again, because folding can
// leave what composes.
func fold(local string) string {
	if ASCII(local) {
		return Lower(local)
	}
	return norm.NFKC.String(strings.Map(cherokee, cases.Fold().String(norm.NFKC.String(local))))
}

// cherokee folds the letters that Unicode folds to their capitals, which are the older
// ones, and x/text to the small ones.
func cherokee(r rune) rune {
	switch {
	case 0xAB70 <= r && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	case 0x13F8 <= r && r <= 0x13FD:
		return r - 8
	}
	return r
}

// labels reports whether a domain in ASCII has no empty label and no blank.
func labels(s string) bool {
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..") && !strings.ContainsAny(s, " @")
}

// ASCII reports whether SQL can make the key, too.
func ASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Lower puts the letters of ASCII into lower case, and leaves every other character as
// it is: a Kelvin sign is no k.
func Lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
