package otp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// Mailer renders the mails that carry codes. It is safe for concurrent use.
type Mailer struct {
	brand     Content // what is the same in each mail
	link      string
	life      time.Duration
	templates map[templateKey]mailTemplate
	locales   locales
}

// MailerOptions say how the mails look.
type MailerOptions struct {
	// Site is the shop's name, "" for none.
	Site string
	// Color of the buttons, #rrggbb, "" for the built-in one.
	Color string
	// Logo is the http(s) address of a picture, "" for none.
	Logo string
	// Link is the http(s) page of the site that takes a code, without a fragment;
	// {challenge_id} in it is replaced. "" leaves the link out of the mails.
	Link string
	// Life of a code; the mails give it in minutes.
	Life time.Duration
	// Overrides holds files that replace the embedded ones of the same name; may be nil.
	Overrides fs.FS
}

// Message is a rendered mail. The subject is stored in clear and never holds
// the code.
type Message struct {
	Subject string
	Text    string
	HTML    string
}

// body is what is sealed for the mail queue: {"text", "html"} in JSON, with < and
// > as they are, because a page has many of them.
func (m Message) body() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Text string `json:"text"`
		HTML string `json:"html"`
	}{m.Text, m.HTML})
	return out.Bytes(), err
}

// Content is what a template may use.
type Content struct {
	Code    string // the digits, "" in a notice
	Minutes int    // of its life
	Link    string // to the code page with the code in the fragment, in a notice to the front page, "" for none
	Site    string // the shop's name, "" for none
	Color   string // the shop's colour, "" for none
	OnColor string // of text on it, black or white
	Logo    string // address of the shop's picture, "" for none
}

// templateKey names a mail by the purpose of its code, or by noticeTemplate.
type templateKey struct {
	name   string
	locale string
}

// noticeTemplate tells the owner of an address that it has an account already. It
// carries no code, and its link is the site's front page.
const noticeTemplate = "account"

type mailTemplate struct {
	text *texttemplate.Template // its first line is "Subject: …"
	html *htmltemplate.Template
}

const (
	challengeMark = "{challenge_id}"
	maxSubject    = 200 // runes; a longer one is a template's mistake
)

// NewMailer reads all templates and tries each, so that a bad one stops the
// start and not a registration. The error is one line that names the file.
func NewMailer(o MailerOptions) (*Mailer, error) {
	brand := Content{Site: oneLine(o.Site), Color: o.Color, Logo: o.Logo, OnColor: textOn(o.Color)}
	m := &Mailer{brand: brand, link: o.Link, life: o.Life, templates: map[templateKey]mailTemplate{}, locales: newLocales()}
	if err := checkLink(o.Link); err != nil {
		return nil, err
	}
	files, err := newTemplateFiles(o.Overrides)
	if err != nil {
		return nil, err
	}
	for _, key := range templateKeys() {
		p, err := files.parse(key)
		if err != nil {
			return nil, err
		}
		m.templates[key] = p
		if err := m.check(key); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Render makes the mail for one code.
func (m *Mailer) Render(p Purpose, locale, challengeID, code string) (Message, error) {
	link := ""
	if m.link != "" {
		link = strings.ReplaceAll(m.link, challengeMark, challengeID) + "#code=" + code
	}
	return m.execute(templateKey{string(p), locale}, m.content(code, link))
}

// RenderNotice makes the mail to somebody who has an account already.
func (m *Mailer) RenderNotice(locale string) (Message, error) {
	return m.execute(templateKey{noticeTemplate, locale}, m.content("", frontPage(m.link)))
}

func (m *Mailer) content(code, link string) Content {
	c := m.brand
	c.Code, c.Link, c.Minutes = code, link, m.minutes()
	return c
}

// frontPage is the root of the site that a link leads to, "" for none.
func frontPage(link string) string {
	u, err := url.Parse(strings.ReplaceAll(link, challengeMark, "x"))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/"
}

func (m *Mailer) minutes() int { return max(1, int(m.life/time.Minute)) }

func (m *Mailer) execute(key templateKey, c Content) (Message, error) {
	p, ok := m.templates[key]
	if !ok {
		return Message{}, fmt.Errorf("no mail template for %s in %s", key.name, key.locale)
	}
	var text, html strings.Builder
	if err := p.text.Execute(&text, c); err != nil {
		return Message{}, templateError(key.file("txt"), err)
	}
	if err := p.html.Execute(&html, c); err != nil {
		return Message{}, templateError(key.file("html"), err)
	}
	head, body, ok := strings.Cut(text.String(), "\n")
	subject, found := strings.CutPrefix(strings.TrimSpace(head), "Subject:")
	if subject = oneLine(subject); !ok || !found || subject == "" {
		return Message{}, fmt.Errorf("mail template %s: the first line must be \"Subject: …\"", key.file("txt"))
	}
	return Message{Subject: subject, Text: strings.TrimLeft(body, "\r\n"), HTML: strings.TrimSpace(html.String()) + "\n"}, nil
}

// check renders a mail with and without the optional parts.
func (m *Mailer) check(key templateKey) error {
	code := "918273"
	if key.name == noticeTemplate {
		code = ""
	}
	for _, c := range []Content{
		{Code: code, Minutes: 1},
		m.content(code, "https://shop.example/code/#code="+code),
	} {
		msg, err := m.execute(key, c)
		if err != nil {
			return err
		}
		if err := checkMessage(key, msg, code); err != nil {
			return err
		}
	}
	return nil
}

func checkMessage(key templateKey, m Message, code string) error {
	switch {
	case code != "" && strings.Contains(m.Subject, code):
		return fmt.Errorf("mail template %s: the subject is stored in clear and must not hold {{.Code}}", key.file("txt"))
	case utf8.RuneCountInString(m.Subject) > maxSubject:
		return fmt.Errorf("mail template %s: the subject is longer than %d characters", key.file("txt"), maxSubject)
	case !strings.Contains(m.Text, code):
		return fmt.Errorf("mail template %s: the text does not show {{.Code}}", key.file("txt"))
	case !strings.Contains(m.HTML, code):
		return fmt.Errorf("mail template %s: the page does not show {{.Code}}", key.file("html"))
	}
	return nil
}

func checkLink(link string) error {
	if link == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(link, challengeMark, "x"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Contains(link, "#") {
		return errors.New("the link of the mails must be an http or https URL without a fragment")
	}
	return nil
}

// oneLine makes text safe for a header: no line breaks, no control characters.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

const defaultLocale = "en"

func localeNames() []string { return []string{defaultLocale, "id"} }

// locales chooses the language of a mail.
type locales struct {
	names   []string
	matcher language.Matcher
}

func newLocales() locales {
	l := locales{names: localeNames()}
	tags := make([]language.Tag, len(l.names))
	for i, name := range l.names {
		tags[i] = language.Make(name)
	}
	l.matcher = language.NewMatcher(tags)
	return l
}

// choose gives the language for a BCP 47 tag or a Django language code such as
// id-ID, en_us or in; English for what is unknown.
func (l locales) choose(tag string) string {
	for _, name := range l.names {
		if tag == name {
			return name
		}
	}
	if tag == "" || len(tag) > 64 {
		return defaultLocale
	}
	wanted, err := language.Parse(tag)
	if err != nil {
		return defaultLocale
	}
	_, i, confidence := l.matcher.Match(wanted)
	if confidence == language.No {
		return defaultLocale
	}
	return l.names[i]
}
