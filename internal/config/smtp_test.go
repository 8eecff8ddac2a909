package config

import (
	"strings"
	"testing"
)

func TestRates(t *testing.T) {
	t.Parallel()
	g, err := parse(t, usable("--smtp-rate=12.5", "--smtp-domain-rate=Gmail.com=5, default=20,xn--bcher-kva.example=0.5")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve.Resolve(); err != nil {
		t.Fatal(err)
	}
	r := g.Serve.Rates
	if r.All != 12.5 || r.Default != 20 || len(r.Domains) != 2 || r.Domains["gmail.com"] != 5 || r.Domains["xn--bcher-kva.example"] != 0.5 {
		t.Errorf("%+v", r)
	}
}

func TestDKIMDomainIsTheSenders(t *testing.T) {
	t.Parallel()
	g, err := parse(t, usable("--dkim-key-file=a.pem,b.pem", "--dkim-selector=one,two", "--mail-from=Shop <no-reply@News.Shop.example>")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve.Resolve(); err != nil {
		t.Fatal(err)
	}
	if got := g.Serve.DKIMDomain; got != "news.shop.example" {
		t.Errorf("domain %q", got)
	}
}

// Every wrong value is refused with one line that names the variable and says what to do.
func TestWrongRelaySettings(t *testing.T) {
	t.Parallel()
	const rate, domains, key, selector, domain = "SESPAN_SMTP_RATE", "SESPAN_SMTP_DOMAIN_RATE", "SESPAN_DKIM_KEY_FILE", "SESPAN_DKIM_SELECTOR", "SESPAN_DKIM_DOMAIN"
	for _, c := range []struct {
		flags          []string
		variable, hint string
	}{
		{[]string{"--smtp-rate=fast"}, rate, "mails a second"},
		{[]string{"--smtp-rate=0"}, rate, "0.001 to 100000"},
		{[]string{"--smtp-rate=-1"}, rate, "0.001 to 100000"},
		{[]string{"--smtp-rate=NaN"}, rate, "0.001 to 100000"},
		{[]string{"--smtp-rate=1e9"}, rate, "0.001 to 100000"},
		{[]string{"--smtp-domain-rate=gmail.com"}, domains, "gmail.com=5"},
		{[]string{"--smtp-domain-rate=gmail.com=many"}, domains, "gmail.com=5"},
		{[]string{"--smtp-domain-rate==5"}, domains, "gmail.com=5"},
		{[]string{"--smtp-domain-rate=gmail=5"}, domains, "gmail.com=5"},
		{[]string{"--smtp-domain-rate=@gmail.com=5"}, domains, "gmail.com=5"},
		{[]string{"--smtp-domain-rate=bücher.example=5"}, domains, "xn--"},
		{[]string{"--smtp-domain-rate=gmail.com=5,GMAIL.com=6"}, domains, "keep one"},
		{[]string{"--smtp-domain-rate=default=5,default=6"}, domains, "keep one"},
		{[]string{"--dkim-selector=one"}, key, "PEM file"},
		{[]string{"--dkim-domain=shop.example"}, key, "PEM file"},
		{[]string{"--dkim-key-file=a.pem"}, selector, "as many as"},
		{[]string{"--dkim-key-file=a.pem", "--dkim-selector=one,two"}, selector, "as many as"},
		{[]string{"--dkim-key-file=a,b,c", "--dkim-selector=one,two,three"}, key, "one RSA and one Ed25519"},
		{[]string{"--dkim-key-file=a,b", "--dkim-selector=one,one"}, selector, "own record"},
		{[]string{"--dkim-key-file=a.pem", "--dkim-selector=one", "--dkim-domain=shop"}, domain, "shop.example"},
		{[]string{"--dkim-key-file=a.pem", "--dkim-selector=one", "--dkim-domain=shöp.example"}, domain, "xn--"},
		{[]string{"--dkim-key-file=a.pem", "--dkim-selector=one", "--run=api", "--mail-from="}, domain, "shop.example"},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			t.Parallel()
			g, err := parse(t, usable(c.flags...)...)
			if err == nil {
				err = g.Serve.Resolve()
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			text := err.Error()
			if !strings.HasPrefix(text, c.variable+" ") || !strings.Contains(text, c.hint) || strings.Contains(text, "\n") {
				t.Errorf("the error is %q; want one line that begins with %s and says %q", text, c.variable, c.hint)
			}
		})
	}
}
