package otp

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"
)

func newTestMailer(t *testing.T, o MailerOptions) *Mailer {
	t.Helper()
	if o.Life == 0 {
		o.Life = 10 * time.Minute
	}
	m, err := NewMailer(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMailInEachLanguage(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{Site: `Kopi "Pagi" & Co`, Link: "https://shop.example/verify/{challenge_id}/"})
	for key, words := range map[templateKey][]string{
		{"registration", "en"}: {"Confirm your e-mail address", "10 minutes"},
		{"registration", "id"}: {"Konfirmasi alamat email", "10 menit"},
		{"login", "en"}:        {"sign-in code", "10 minutes"},
		{"login", "id"}:        {"Kode masuk", "10 menit"},
	} {
		msg, err := m.Render(Purpose(key.name), key.locale, "c-1", "123456")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(msg.Subject, words[0]) || !strings.Contains(msg.Subject, `Kopi "Pagi" & Co`) || strings.Contains(msg.Subject, "123456") {
			t.Errorf("%v: subject %q", key, msg.Subject)
		}
		const link = "https://shop.example/verify/c-1/#code=123456"
		for name, body := range map[string]string{"text": msg.Text, "html": msg.HTML} {
			for _, want := range []string{"123456", words[1], link} {
				if !strings.Contains(body, want) {
					t.Errorf("%v: no %q in the %s", key, want, name)
				}
			}
		}
		if strings.Contains(msg.HTML, `"Pagi" & Co`) {
			t.Errorf("%v: the shop's name is not escaped", key)
		}
		if !strings.Contains(msg.HTML, `<html lang="`+key.locale+`"`) {
			t.Errorf("%v: no language", key)
		}
	}
}

// Who has an account is told so, with a way to it and without a code.
func TestNoticeInEachLanguage(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{Site: `Kopi "Pagi" & Co`, Link: "https://shop.example:8443/verify/{challenge_id}/?a=b"})
	for locale, words := range map[string][]string{
		"en": {"You already have an account", "sign-in page"},
		"id": {"Anda sudah memiliki akun", "halaman masuk"},
	} {
		msg, err := m.RenderNotice(locale)
		if err != nil || msg.Subject != words[0]+map[string]string{"en": " at ", "id": " di "}[locale]+`Kopi "Pagi" & Co` {
			t.Fatalf("%s: %q, %v", locale, msg.Subject, err)
		}
		for name, body := range map[string]string{"text": msg.Text, "html": msg.HTML} {
			if !strings.Contains(body, words[1]) || !strings.Contains(body, "https://shop.example:8443/") || strings.Contains(body, "verify") {
				t.Errorf("%s: the %s is %s", locale, name, body)
			}
		}
		if strings.Contains(msg.HTML, `class="code"`) || !strings.Contains(msg.HTML, `<html lang="`+locale+`"`) {
			t.Errorf("%s: %s", locale, msg.HTML)
		}
	}
	bare, err := newTestMailer(t, MailerOptions{}).RenderNotice("en")
	if err != nil || strings.Contains(bare.Text+bare.HTML, "http") || strings.Contains(bare.Text+bare.HTML, " at ") {
		t.Errorf("without site and link: %+v, %v", bare, err)
	}
	own := newTestMailer(t, MailerOptions{Overrides: fstest.MapFS{"account.id.txt": {Data: []byte("Subject: Halo\n\nHalo\n")}}})
	if msg, err := own.RenderNotice("id"); err != nil || msg.Subject != "Halo" || msg.Text != "Halo\n" {
		t.Errorf("the shop's own: %+v, %v", msg, err)
	}
}

// What mail programs and screen readers need: no script, no remote content, every
// style inline or optional, layout tables that are no tables to a reader.
func TestMailPageIsPlain(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{Site: "Toko", Link: "https://shop.example/code/"})
	msg, err := m.Render(Registration, "en", "c-1", "123456")
	if err != nil {
		t.Fatal(err)
	}
	z := html.NewTokenizer(strings.NewReader(msg.HTML))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		tok := z.Token()
		attributes := map[string]string{}
		for _, a := range tok.Attr {
			attributes[a.Key] = a.Val
		}
		switch {
		case kind != html.StartTagToken:
		case tok.Data == "script", tok.Data == "img", tok.Data == "link", tok.Data == "form":
			t.Errorf("<%s> has no place in a mail", tok.Data)
		case tok.Data == "table" && attributes["role"] != "presentation":
			t.Error("a layout table without role presentation")
		case tok.Data == "a" && attributes["href"] != "https://shop.example/code/#code=123456":
			t.Errorf("a link to %q", attributes["href"])
		case (tok.Data == "p" || tok.Data == "h1" || tok.Data == "a") && attributes["style"] == "":
			t.Errorf("<%s> without an inline style", tok.Data)
		}
	}
	if len(msg.HTML) > 100<<10 {
		t.Errorf("%d bytes: Gmail cuts a mail at 102 KiB", len(msg.HTML))
	}
}

func TestMailWithoutSiteAndLink(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{Life: time.Minute})
	msg, err := m.Render(Login, "en", "c-1", "123456")
	if err != nil {
		t.Fatal(err)
	}
	if msg.Subject != "Your sign-in code" || strings.Contains(msg.HTML, "href") || strings.Contains(msg.Text, "http") {
		t.Errorf("%+v", msg)
	}
	if !strings.Contains(msg.Text, "1 minute and") {
		t.Errorf("the life is not told: %s", msg.Text)
	}
}

func TestShopOverridesAFile(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{Overrides: fstest.MapFS{
		"login.en.txt": {Data: []byte("Subject: Hi\r\n\r\nCode {{.Code}}\r\n")},
		"README.md":    {Data: []byte("ours")},
	}})
	msg, err := m.Render(Login, "en", "c-1", "123456")
	if err != nil || msg.Subject != "Hi" || msg.Text != "Code 123456\r\n" {
		t.Errorf("%+v, %v", msg, err)
	}
	if !strings.Contains(msg.HTML, "Your sign-in code") {
		t.Error("the page is not the embedded one")
	}
}

func TestBadTemplatesStopTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"syntax":          {"login.en.txt", "Subject: x\n\n{{.Code", "login.en.txt"},
		"page syntax":     {"login.id.html", "{{template \"layout\"", "login.id.html"},
		"layout syntax":   {"layout.html", "{{define}}", "layout.html"},
		"unknown field":   {"login.en.txt", "Subject: x\n\n{{.Code}} {{.Naming}}", "login.en.txt"},
		"unknown block":   {"login.en.html", `{{template "nothing" .}}`, "login.en.html"},
		"no subject":      {"login.en.txt", "{{.Code}}\n", "first line"},
		"empty subject":   {"login.en.txt", "Subject: \n\n{{.Code}}\n", "first line"},
		"long subject":    {"login.en.txt", "Subject: " + strings.Repeat("x", 201) + "\n\n{{.Code}}\n", "longer than"},
		"code in subject": {"login.en.txt", "Subject: {{.Code}}\n\n{{.Code}}\n", "must not hold"},
		"no code":         {"login.en.txt", "Subject: x\n\nhello\n", "does not show"},
		"no code in page": {"login.en.html", "<p>hello</p>", "does not show"},
		"typing mistake":  {"logn.en.txt", "Subject: x\n\n{{.Code}}\n", "there is no such mail"},
		"too large":       {"login.en.html", strings.Repeat("x", 300<<10), "larger"},
		"script context":  {"login.en.html", "<a href='{{if .Link}}x{{else}}\"{{end}}>{{.Code}}", "login.en.html"},
	} {
		_, err := NewMailer(MailerOptions{Life: time.Minute, Overrides: fstest.MapFS{c.file: {Data: []byte(c.text)}}})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if s := err.Error(); !strings.Contains(s, c.want) || strings.ContainsAny(s, "\n\r") || strings.Contains(s, "918273") {
			t.Errorf("%s: %q, want one line with %q", name, s, c.want)
		}
	}
	for _, link := range []string{"shop.example", "ftp://shop.example/", "https://", "https://shop.example/#x", "javascript:alert(1)"} {
		if _, err := NewMailer(MailerOptions{Life: time.Minute, Link: link}); err == nil {
			t.Errorf("link %q: accepted", link)
		}
	}
}

func TestLocale(t *testing.T) {
	t.Parallel()
	l := newLocales()
	for tag, want := range map[string]string{
		"": "en", "en": "en", "id": "id", "id-ID": "id", "id_ID": "id", "in": "id", "ID-id": "id", "en-us": "en", "en_GB": "en",
		"fr": "en", "zh-hans": "en", "xx-??": "en", "\x00": "en", strings.Repeat("id-", 100): "en",
	} {
		if got := l.choose(tag); got != want {
			t.Errorf("%q: %s, want %s", tag, got, want)
		}
	}
}
