package mime

import (
	"bytes"
	"mime"
	"net/mail"
	"strings"
	"testing"
)

// TestNamesAloneAreEncoded in fields of addresses and identifiers (RFC 2047 section 5).
func TestNamesAloneAreEncoded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Sender", "Resent-From", "Disposition-Notification-To", "List-Id", "RETURN-RECEIPT-TO", "List-Owner"} {
		for given, want := range map[string]string{
			"Käse & Brot <shop@example.com>":          "=?utf-8?b?S8Okc2UgJiBCcm90?= <shop@example.com>",
			`"Käse, \"frisch\"" <shop@example.com>`:   "=?utf-8?b?S8Okc2UsICJmcmlzY2gi?= <shop@example.com>",
			"Käse <k@bücher.example>, Brot <b@b.co>":  "=?utf-8?q?K=C3=A4se?= <k@xn--bcher-kva.example>, Brot <b@b.co>",
			"k@bücher.example":                        "k@xn--bcher-kva.example",
			"shop@example.com (Käse (frisch))":        "shop@example.com (=?utf-8?b?S8Okc2UgKGZyaXNjaCk=?=)",
			"Läden: Käse <k@b.co>;":                   "=?utf-8?q?L=C3=A4den?=: =?utf-8?q?K=C3=A4se?= <k@b.co>;",
			"=?iso-2022-jp?B?GyRCJUYbKEI=?= <a@b.co>": "=?iso-2022-jp?B?GyRCJUYbKEI=?= <a@b.co>",
			"ü =?utf-8?q?=C3=A4?= <a@b.co>":           "=?utf-8?q?=C3=BC_=C3=A4?= <a@b.co>",
			"Anna <a@b.co>":                           "Anna <a@b.co>",
			"Jürgen <jürgen@b.co>":                    "=?utf-8?q?J=C3=BCrgen?= <jürgen@b.co>",
			"<ü":                                      "=?utf-8?b?PMO8?=", "(ü": "=?utf-8?b?KMO8?=", `"ü`: "=?utf-8?q?=C3=BC?=", "ü>": "=?utf-8?b?w7w+?=", "ü <": "=?utf-8?q?=C3=BC?= <",
		} {
			c := codeContent()
			c.Headers = map[string]string{name: given}
			m, err := mail.ReadMessage(strings.NewReader(compose(t, c)))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Header.Get(name); got != want {
				t.Errorf("%s: %q became %q, want %q", name, given, got, want)
			}
		}
	}
}

// TestNamesArePassedOn: the composer need not know a charset that a reader knows.
func TestNamesArePassedOn(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"=?iso-2022-jp?B?GyRCJUYbKEI=?= <a@b.co>":  "=?iso-2022-jp?B?GyRCJUYbKEI=?= <a@b.co>",
		"=?x-own?q?a?= =?koi8-r?B?8A==?= <a@b.co>": "=?x-own?q?a?= =?koi8-r?B?8A==?= <a@b.co>",
		`"Smith, \"A\"" <a@b.co>`:                  `"Smith, \"A\"" <a@b.co>`,
		`"Käse, Brot" <a@b.co>`:                    "=?utf-8?b?S8Okc2UsIEJyb3Q=?= <a@b.co>",
		"a@b.co (Jörg)":                            "=?utf-8?q?J=C3=B6rg?= <a@b.co>",
		"\ufffd <a@b.co>":                          "=?utf-8?q?=EF=BF=BD?= <a@b.co>",
		"a..b.@docomo.example":                     "a..b.@docomo.example",
		`"a b" <"a b"@b.co>`:                       `"a b" <"a b"@b.co>`,
		"A <a@[IPv6:2001:db8::1]>":                 "A <a@[IPv6:2001:db8::1]>",
	} {
		c := codeContent()
		c.From, c.To, c.CC, c.ReplyTo = given, []string{given, "x@y.co"}, []string{given}, given
		m, err := mail.ReadMessage(strings.NewReader(compose(t, c)))
		if err != nil {
			t.Fatal(err)
		}
		for field, want := range map[string]string{"From": want, "To": want + ", x@y.co", "Cc": want, "Reply-To": want} {
			if got := m.Header.Get(field); got != want {
				t.Errorf("%s: %q became %q, want %q", field, given, got, want)
			}
		}
	}
}

// TestComposeForARelayWithoutSMTPUTF8 leaves out what it does not take, in raw messages too.
func TestComposeForARelayWithoutSMTPUTF8(t *testing.T) {
	t.Parallel()
	c := codeContent()
	c.To = []string{"Jürgen <jürgen@b.co>", "Jörg <joerg@bücher.example>"}
	c.CC, c.ReplyTo, c.Headers = []string{"ü@b.co"}, "ü@b.co, Käse <k@b.co>", map[string]string{"Sender": "ü@b.co", "X-A": "ü"}
	if head, _, _ := strings.Cut(compose(t, c), "\r\n\r\n"); !strings.Contains(head, "jürgen@b.co") || !strings.Contains(head, "Cc: ü@b.co") || !strings.Contains(head, "Sender: ü@b.co") {
		t.Errorf("with SMTPUTF8:\n%s", head)
	}
	c.ASCIIOnly = true
	m, err := mail.ReadMessage(strings.NewReader(compose(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"To": "=?utf-8?q?J=C3=B6rg?= <joerg@xn--bcher-kva.example>", "Cc": "", "Reply-To": "=?utf-8?q?K=C3=A4se?= <k@b.co>", "Sender": "", "X-A": "=?utf-8?q?=C3=BC?=",
	} {
		if got := m.Header.Get(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	c.To = []string{"ü@b.co"}
	if got := compose(t, c); !strings.Contains(got, "To: undisclosed-recipients:;\r\n") {
		t.Errorf("nobody is named:\n%s", got)
	}
	raw := rawContent("Subject: x\r\nTO: Jürgen\r\n <jürgen@b.co>,\r\n Käse <k@b.co>\r\nCc: ü@b.co\r\n\r\ngrüße\r\n")
	raw.ASCIIOnly = true
	if got := compose(t, raw); !strings.HasSuffix(got, "Subject: x\r\nTo: =?utf-8?q?K=C3=A4se?= <k@b.co>\r\n\r\ngrüße\r\n") {
		t.Errorf("raw: %q", got)
	}
}

// TestTheLabelFitsTheBytes of a text whose charset nobody named.
func TestTheLabelFitsTheBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, data, want string }{
		{"text/calendar; method=REQUEST", "für", "text/calendar; method=REQUEST; charset=utf-8"},
		{"text/csv ; charset=iso-8859-1", "\xe4", "text/csv; charset=iso-8859-1"},
		{"Text/CSV", "a", "text/csv"},
		{"text/csv", "\xe4", "text/csv"},
		{"text/x; a=b; A=c", "a", "text/x; a=b; A=c"},
		{"application/json", "ü", "application/json"},
		{`text/x; name="a;b"`, "a", `text/x; name="a;b"`},
	} {
		kind, err := Attachment{ContentType: c.given, Data: []byte(c.data)}.mediaType(0)
		if err != nil || kind != c.want {
			t.Errorf("%q of %q became %q, %v", c.given, c.data, kind, err)
		}
	}
}

// TestAnUnnamedPartHasNoDisposition: it stands between the others.
func TestAnUnnamedPartHasNoDisposition(t *testing.T) {
	t.Parallel()
	c := codeContent()
	c.Attachments = []Attachment{{ContentType: "text/plain", Data: []byte("VAT no. 1")}}
	if got := compose(t, c); strings.Contains(got, "Content-Disposition") {
		t.Error(got)
	}
	c.Attachments = []Attachment{{ContentType: "image/png", ContentID: "logo"}}
	if got := compose(t, c); !strings.Contains(got, "Content-Disposition: inline\r\n") {
		t.Error(got)
	}
}

// FuzzStructured: whatever stands in a field of addresses, it stays one, in ASCII but for
// addresses, and ASCII is not touched.
func FuzzStructured(f *testing.F) {
	for _, s := range []string{"Käse & Brot <shop@example.com>", `"ü" (ä (ö)) <ß@ü.example>, x: y;`, "<ü", "(ü", `"\ü`, "=?x?q?ü?= <", "ü\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := structuredField("headers.Sender", s)
		if err != nil {
			return
		}
		if strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("%q became %q", s, got)
		}
		if again, err := structuredField("headers.Sender", got); err != nil || again != got {
			t.Fatalf("%q became %q and then %q, %v", s, got, again, err)
		}
		var out bytes.Buffer
		writeField(&out, field{"Sender", got})
		for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\r\n"), "\r\n") {
			if len(line) > maxLine || len(line) > 0 && strings.Trim(line, " \t") == "" {
				t.Fatalf("%q has the line %q", out.String(), line)
			}
		}
		if _, err := new(mime.WordDecoder).DecodeHeader(got); err != nil && !strings.Contains(s, "=?") {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
	})
}
