package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"slices"
	"strings"

	"sespan/internal/address"
	"sespan/internal/app"
)

// senderDomain is that of SESPAN_MAIL_FROM, by which receivers judge. why tells why there
// is nothing to look up.
func (x *examination) senderDomain() (domain, why string) {
	from, err := netmail.ParseAddress(x.settings.MailFrom)
	switch {
	case !x.settings.Runs("mail"):
		return "", noMail
	case err != nil:
		return "", "SESPAN_MAIL_FROM names no address"
	}
	domain, err = address.Domain(from.Address[strings.LastIndexByte(from.Address, '@')+1:]) // as DNS has it: beyond ASCII in Punycode
	switch {
	case err != nil:
		return "", "SESPAN_MAIL_FROM names no domain"
	case reserved(domain):
		return "", "not looked up: " + domain + " is a name for examples and tests (RFC 2606)"
	}
	return domain, ""
}

// reserved are names that nobody can publish anything for.
func reserved(domain string) bool {
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	return slices.Contains([]string{"example", "test", "invalid", "localhost", "local", "internal"}, top) || !strings.Contains(domain, ".")
}

// records looks up the TXT records that begin with a version tag.
func (x *examination) records(ctx context.Context, name, version string) (found []string, answered bool, said string) {
	all, answered, said := x.allRecords(ctx, name)
	for _, r := range all {
		if tag, _, _ := strings.Cut(strings.TrimSpace(r), ";"); strings.EqualFold(strings.TrimSpace(tag), version) || strings.HasPrefix(strings.ToLower(r)+" ", version+" ") {
			found = append(found, r)
		}
	}
	return found, answered, said
}

const noResolver = "run it where DNS can be asked"

// checkSPF looks for the record (RFC 7208) that says which servers may send for the
// sender's domain. Which address the relay sends from is known to nobody here.
func (x *examination) checkSPF(ctx context.Context) []finding {
	domain, why := x.senderDomain()
	if domain == "" {
		return unchecked(why, "")
	}
	found, answered, said := x.records(ctx, domain, "v=spf1")
	if !answered {
		return unchecked(said, noResolver)
	}
	return judgeSPF(domain, found)
}

func judgeSPF(domain string, found []string) []finding {
	switch {
	case len(found) == 0:
		return warning(domain+" has no SPF record: many receivers put its mails to the spam, or refuse them", fmt.Sprintf(`publish at %s TXT "v=spf1 include:YOUR-RELAY ~all", with the include that the relay's provider names`, domain))
	case len(found) > 1:
		return wrong(fmt.Sprintf("%s has %d SPF records, and receivers then take none (RFC 7208, section 4.5)", domain, len(found)), "make one of them: "+strings.Join(found, " and "))
	case strings.Contains(strings.ToLower(found[0])+" ", "+all "), strings.HasSuffix(strings.ToLower(found[0]), " all"):
		return warning(domain+" lets every server of the world send for it: "+found[0], "end the record with ~all or -all")
	}
	return well("%s publishes %s", domain, found[0])
}

// checkDMARC looks for the policy (RFC 7489) of the sender's domain, or of the one above.
func (x *examination) checkDMARC(ctx context.Context) []finding {
	domain, why := x.senderDomain()
	if domain == "" {
		return unchecked(why, "")
	}
	for at := domain; strings.Contains(at, "."); _, at, _ = strings.Cut(at, ".") {
		found, answered, said := x.records(ctx, "_dmarc."+at, "v=dmarc1")
		switch {
		case !answered:
			return unchecked(said, noResolver)
		case len(found) > 1:
			return wrong(fmt.Sprintf("_dmarc.%s has %d records, and receivers then take none", at, len(found)), "keep one of them")
		case len(found) == 1:
			return judgeDMARC(at, found[0], domain, x.settings.DKIMDomain)
		}
	}
	return warning("_dmarc."+domain+" has no DMARC record: large receivers want one of whoever sends many mails", fmt.Sprintf(`publish at _dmarc.%s TXT "v=DMARC1; p=none; rua=mailto:postmaster@%[1]s"`, domain))
}

func judgeDMARC(at, record, domain, signer string) []finding {
	if signer != "" && signer != domain && !strings.HasSuffix(domain, "."+signer) && !strings.HasSuffix(signer, "."+domain) {
		return warning(fmt.Sprintf("mails are signed for %s and sent by %s: the signature does not count for DMARC (%s)", signer, domain, record), "sign for the sender's own domain: leave SESPAN_DKIM_DOMAIN out")
	}
	return well("_dmarc.%s publishes %s", at, record)
}

// checkDKIM compares the keys with what DNS says about them.
func (x *examination) checkDKIM(ctx context.Context) []finding {
	s, err := app.Signer(&x.settings.Settings)
	switch {
	case err != nil:
		return settingError(err)
	case !x.settings.Runs("mail"):
		return unchecked(noMail, "")
	case s == nil:
		return unchecked("no key: SESPAN_DKIM_KEY_FILE is not set, the relay may sign", "")
	}
	var out []finding
	for _, k := range s.Keys() {
		publish := fmt.Sprintf("publish at %s TXT %q", k.Name(s.Domain()), k.Record())
		found, answered, said := x.allRecords(ctx, k.Name(s.Domain()))
		switch {
		case !answered:
			out = append(out, unchecked(said, "what is to be published: "+publish)...)
		case len(found) == 0:
			out = append(out, wrong(fmt.Sprintf("mails are signed, and %s has no key for it: receivers take them for forged", k.Name(s.Domain())), publish)...)
		case !k.In(found):
			out = append(out, wrong(k.Name(s.Domain())+" holds another key: receivers take the mails for forged", publish)...)
		}
	}
	if len(out) > 0 {
		return out
	}
	return well("signs for %s, DNS holds the key", s.Domain())
}

// allRecords tells a name without records from a resolver that does not answer.
func (x *examination) allRecords(ctx context.Context, name string) (found []string, answered bool, said string) {
	all, err := x.resolver.LookupTXT(ctx, name+".") // with the dot no search list of this machine is tried
	failure, isDNS := errors.AsType[*net.DNSError](err)
	if err != nil && (!isDNS || !failure.IsNotFound) {
		return nil, false, "not looked up: no resolver answers (" + cause(err) + ")"
	}
	return all, true, ""
}
