package cli

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"

	"sespan/internal/app"
)

// names is a resolver that knows these names and no others.
type names map[string][]string

func (n names) LookupTXT(_ context.Context, name string) ([]string, error) {
	if records, ok := n[strings.TrimSuffix(name, ".")]; ok {
		return records, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// deaf is a resolver of which no server answers.
type deaf struct{}

func (deaf) LookupTXT(_ context.Context, name string) ([]string, error) {
	return nil, &net.DNSError{Err: "read udp 127.0.0.1:53: connection refused", Name: name, IsTemporary: true}
}

func TestDoctorLooksAtTheSendersDomain(t *testing.T) {
	t.Parallel()
	const from = "Shop <no-reply@mail.shop.co>"
	for name, c := range map[string]struct {
		from       string
		resolver   resolver
		spf, dmarc string
	}{
		"all well": {
			from,
			names{"mail.shop.co": {"google-site-verification=x", "v=spf1 include:_spf.relay.co -all"}, "_dmarc.mail.shop.co": {"v=DMARC1; p=reject"}},
			"ok: mail.shop.co publishes v=spf1 include:_spf.relay.co -all", "ok: _dmarc.mail.shop.co publishes v=DMARC1; p=reject",
		},
		"nothing":                        {from, names{}, "warning: mail.shop.co has no SPF record", `warning: _dmarc.mail.shop.co has no DMARC record`},
		"the policy of the domain above": {from, names{"_dmarc.shop.co": {"v=DMARC1; p=none"}}, "warning: ", "ok: _dmarc.shop.co publishes"},
		"two of each": {
			from,
			names{"mail.shop.co": {"v=spf1 a -all", "v=spf1 mx -all"}, "_dmarc.mail.shop.co": {"v=DMARC1; p=none", "v=DMARC1; p=reject"}},
			"wrong: mail.shop.co has 2 SPF records", "wrong: _dmarc.mail.shop.co has 2 records",
		},
		"everybody":   {from, names{"mail.shop.co": {"v=spf1 +all"}}, "warning: mail.shop.co lets every server", "warning: "},
		"no resolver": {from, deaf{}, "not_checked: not looked up: no resolver answers", "not_checked: not looked up: no resolver answers"},
		"an example":  {"shop@shop.example", names{}, "not_checked: not looked up: shop.example is a name for examples", "not_checked: "},
		"beyond ASCII": {
			"Toko <halo@Bücher.de>",
			names{"xn--bcher-kva.de": {"v=spf1 mx -all"}, "_dmarc.xn--bcher-kva.de": {"v=DMARC1; p=none"}},
			"ok: xn--bcher-kva.de publishes", "ok: _dmarc.xn--bcher-kva.de publishes",
		},
		"no sender": {"", names{}, "not_checked: SESPAN_MAIL_FROM names no address", "not_checked: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := examineSettings(t)
			x.settings.MailFrom, x.resolver = c.from, c.resolver
			says(t, told(x.checkSPF(t.Context())), c.spf)
			says(t, told(x.checkDMARC(t.Context())), c.dmarc)
		})
	}
}

func TestDoctorSeesASignatureThatDoesNotCount(t *testing.T) {
	t.Parallel()
	x := examineSettings(t)
	x.settings.MailFrom, x.settings.DKIMDomain = "a@shop.co", "relay.co"
	x.resolver = names{"_dmarc.shop.co": {"v=DMARC1; p=reject"}}
	says(t, told(x.checkDMARC(t.Context())), "warning: mails are signed for relay.co and sent by shop.co", "leave SESPAN_DKIM_DOMAIN out")
}

func TestDoctorComparesDKIMWithDNS(t *testing.T) {
	t.Parallel()
	x := examineSettings(t)
	s := &x.settings.Settings
	says(t, told(x.checkDKIM(t.Context())), "not_checked: no key")
	s.DKIMKeyFile, s.DKIMSelector, s.DKIMDomain = []string{keyFile(t)}, []string{"s1"}, "shop.example"
	signer, err := app.Signer(s)
	if err != nil {
		t.Fatal(err)
	}
	at := "s1._domainkey.shop.example"
	publish := "publish at " + at + ` TXT "v=DKIM1; k=ed25519; p=`
	for _, c := range []struct {
		resolver resolver
		want     string
	}{
		{names{at: {signer.Keys()[0].Record()}}, "ok: signs for shop.example, DNS holds the key"},
		{names{at: {"v=DKIM1; p=other"}}, "wrong: " + at + " holds another key: receivers take the mails for forged → " + publish},
		{names{}, "wrong: mails are signed, and " + at + " has no key for it: receivers take them for forged → " + publish},
		{deaf{}, "not_checked: not looked up: no resolver answers"},
	} {
		x.resolver = c.resolver
		says(t, told(x.checkDKIM(t.Context())), c.want)
	}
	if err := os.Chmod(s.DKIMKeyFile[0], 0o644); err != nil {
		t.Fatal(err)
	}
	says(t, told(x.checkDKIM(t.Context())), "wrong: SESPAN_DKIM_KEY_FILE", "chmod")
}
