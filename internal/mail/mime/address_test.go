package mime

import (
	"strings"
	"testing"
)

func TestEnvelopeAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"a@b.co":                               "a@b.co",
		"A.B+tag@shop.example":                 "A.B+tag@shop.example",
		"a@Shop.Example":                       "a@shop.example",
		"a@localhost":                          "a@localhost",
		"Jörg <joerg@bücher.example>":          "joerg@xn--bcher-kva.example",
		"joerg@BÜCHER.example":                 "joerg@xn--bcher-kva.example",
		`"Shop, the" <shop@b.co>`:              "shop@b.co",
		"jürgen@shop.example":                  "jürgen@shop.example",
		"用户@例子.广告":                             "用户@xn--fsqu00a.xn--4rr70v",
		`"john doe"@b.co`:                      `"john doe"@b.co`,
		"o'neil@b.co":                          "o'neil@b.co",
		"a@[127.0.0.1]":                        "a@[127.0.0.1]",
		"a@xn--bcher-kva.example":              "a@xn--bcher-kva.example",
		strings.Repeat("a", 64) + "@b.co":      strings.Repeat("a", 64) + "@b.co",
		" a@b.co ":                             "a@b.co",
		"=?utf-8?q?J=C3=B6rg?= <a@b.co>":       "a@b.co",
		"a@" + strings.Repeat("b", 63) + ".co": "a@" + strings.Repeat("b", 63) + ".co",
		strings.Repeat("a", 240) + "@b.co":     strings.Repeat("a", 240) + "@b.co",
		"a..b@b.co":                            "a..b@b.co",
		".a@b.co":                              ".a@b.co",
		"a.@b.co":                              "a.@b.co",
		"a@b_c.co":                             "a@b_c.co",
		`"a@b"@c.co`:                           `"a@b"@c.co`,
		"a@[IPv6:2001:db8::1]":                 "a@[IPv6:2001:db8::1]",
		"a@[ipv6:2001:db8::1]":                 "a@[ipv6:2001:db8::1]",
		"=?x-own?q?a?= <a@b.co>":               "a@b.co",
	} {
		got, err := EnvelopeAddress(given)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", given, got, err, want)
		}
		if again, err := EnvelopeAddress(got); err != nil || again != got {
			t.Errorf("%q is not stable: %q, %v", got, again, err)
		}
	}
}

func TestEnvelopeAddressRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "a", "@b.co", "a@", "a@b..co", "a@.co", "a@b.co.", "a@-b.co", "a@b-.co",
		"a@b@c.co", "a b@c.co", "a@b c.co", "a@b.co\r\n", "a\r\n@b.co", "a\x00@b.co", "a@b.co>", "<a@b.co", "a@b.co, c@d.co",
		"a@[not-ip]", "a@[127.0.0.1", "a@[fe80::1%eth0]", "\xff@b.co", `"a>b"@c.co`,
		strings.Repeat("a", 250) + "@b.co", "a@" + strings.Repeat("b", 64) + ".co", "a@" + strings.Repeat("b.", 130) + "co",
		"group: a@b.co;", "undisclosed-recipients:;",
	} {
		if got, err := EnvelopeAddress(s); err == nil {
			t.Errorf("%q was taken as %q", s, got)
		}
	}
}

// FuzzEnvelopeAddress: what comes out is safe in a command line and stays as it is.
func FuzzEnvelopeAddress(f *testing.F) {
	f.Add("a@b.co")
	f.Add(`"a b"@[::1]`)
	f.Add("ü@ü.example")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := EnvelopeAddress(s)
		if err != nil {
			return
		}
		if len(got) > 320 || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }) {
			t.Fatalf("%q became %q", s, got)
		}
		if again, err := EnvelopeAddress(got); err != nil || again != got {
			t.Fatalf("%q became %q and then %q, %v", s, got, again, err)
		}
	})
}
