package config

import (
	"net/mail"
	"strconv"
	"strings"

	"sespan/internal/address"
)

// HintSMTPURL says how SESPAN_SMTP_URL is written.
const HintSMTPURL = "write smtp://USER:PASSWORD@host:587?tls=starttls (or tls=implicit; tls=none for a trusted network), fail-overs after commas"

// Rates are mails a second; 0 is no limit.
type Rates struct {
	All     float64
	Default float64            // to each domain that Domains does not name
	Domains map[string]float64 // by domain in lower case
}

const (
	minRate  = 0.001
	maxRate  = 100_000
	hintRate = "write a number of mails a second from 0.001 to 100000, such as 10, or 0.5 for one in two seconds"
)

func (s *Settings) resolveRates() error {
	s.Rates = Rates{Domains: map[string]float64{}}
	if s.SMTPRate != "" {
		rate, ok := readRate(s.SMTPRate)
		if !ok {
			return invalid("SESPAN_SMTP_RATE", "is "+quote(s.SMTPRate), hintRate)
		}
		s.Rates.All = rate
	}
	for _, entry := range s.SMTPDomainRate {
		if err := s.resolveDomainRate(entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) resolveDomainRate(entry string) error {
	const variable, hint = "SESPAN_SMTP_DOMAIN_RATE", "write domain=mails a second, such as gmail.com=5,default=20"
	domain, value, found := strings.Cut(strings.TrimSpace(entry), "=")
	domain = address.Lower(strings.TrimSpace(domain))
	rate, ok := readRate(value)
	switch {
	case !found || !ok:
		return invalid(variable, "holds "+quote(entry), hint)
	case domain == "default" && s.Rates.Default != 0, s.Rates.Domains[domain] != 0:
		return invalid(variable, "names "+quote(domain)+" twice", "keep one of the two")
	case domain == "default":
		s.Rates.Default = rate
		return nil
	case !hostName(domain):
		return invalid(variable, "holds "+quote(entry), hint+", a domain beyond ASCII as xn--…")
	}
	s.Rates.Domains[domain] = rate
	return nil
}

func readRate(s string) (float64, bool) {
	rate, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return rate, err == nil && rate >= minRate && rate <= maxRate // NaN is neither
}

func hostName(s string) bool {
	return strings.Contains(s, ".") && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
}

// resolveDKIM checks that key, selector and domain come together.
func (s *Settings) resolveDKIM() error {
	keys, selectors := len(s.DKIMKeyFile), len(s.DKIMSelector)
	switch {
	case keys == 0 && selectors == 0 && s.DKIMDomain == "":
		return nil
	case keys == 0:
		return invalid("SESPAN_DKIM_KEY_FILE", "is not set", "name the PEM file of the key, or leave SESPAN_DKIM_SELECTOR and SESPAN_DKIM_DOMAIN out as well")
	case keys > 2:
		return invalid("SESPAN_DKIM_KEY_FILE", "names more than two keys", "one RSA and one Ed25519 key are enough")
	case selectors != keys:
		return invalid("SESPAN_DKIM_SELECTOR", "does not name one selector for each key", "write as many as SESPAN_DKIM_KEY_FILE has files, separated by commas")
	case keys == 2 && s.DKIMSelector[0] == s.DKIMSelector[1]:
		return invalid("SESPAN_DKIM_SELECTOR", "names one selector twice", "each key needs its own record in DNS")
	}
	if s.DKIMDomain == "" {
		from, err := mail.ParseAddress(s.MailFrom)
		if err != nil {
			return invalid("SESPAN_DKIM_DOMAIN", "is not set", "write the domain of the senders, such as shop.example")
		}
		s.DKIMDomain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	}
	if s.DKIMDomain = address.Lower(s.DKIMDomain); !hostName(s.DKIMDomain) {
		return invalid("SESPAN_DKIM_DOMAIN", "is "+quote(s.DKIMDomain), "write a domain such as shop.example, one beyond ASCII as xn--…")
	}
	return nil
}
