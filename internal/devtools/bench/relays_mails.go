package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// relayMail is a mail as mail_enqueue_batch takes it.
type relayMail struct {
	Recipients  []string     `json:"recipients,omitempty"`
	CC          []string     `json:"cc,omitempty"`
	BCC         []string     `json:"bcc,omitempty"`
	Subject     string       `json:"subject,omitempty"`
	Text        string       `json:"body_text,omitempty"`
	HTML        string       `json:"body_html,omitempty"`
	Raw         []byte       `json:"raw,omitempty"`
	OnUnknown   string       `json:"on_unknown,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
}

type attachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"`
}

// want is what shall become of one recipient's mail.
type want struct {
	sort  string
	text  string   // its plain text, or the raw body
	files []string // SHA-256 of each attachment
}

// letters are the mails of one part of a try.
type letters struct {
	mails []relayMail
	wants map[string]want // by recipient
}

// add notes a mail whose recipients are its own.
func (l *letters) add(sort string, m relayMail) {
	w := want{sort: sort, text: m.Text}
	if m.Raw != nil {
		_, body, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
		w.text = string(body)
	}
	for _, a := range m.Attachments {
		sum := sha256.Sum256(a.Content)
		w.files = append(w.files, hex.EncodeToString(sum[:]))
	}
	for _, list := range [][]string{m.Recipients, m.CC, m.BCC} {
		for _, r := range list {
			l.wants[alike(r)] = w
		}
	}
	l.mails = append(l.mails, m)
}

// rush are so many ordinary mails, one in ten with on_unknown = hold.
func (l *letters) rush(prefix string, n int) {
	for i := range n {
		m := relayMail{
			Recipients: []string{fmt.Sprintf("%s-%d@sink.example", prefix, i)}, Subject: fmt.Sprintf("%s %d: your order, with thanks from Köln", prefix, i),
			Text: strings.Repeat(fmt.Sprintf("Order %d of %s is on its way.\n", i, prefix), 20),
			HTML: strings.Repeat(fmt.Sprintf("<p>Order %d of <b>%s</b> is on its way.</p>\n", i, prefix), 20),
		}
		sort := "plain"
		if i%10 == 9 {
			m.OnUnknown, sort = "hold", "hold"
		}
		l.add(sort, m)
	}
}

// special are mails of every other kind, spread among the ordinary ones.
func (l *letters) special(prefix string) {
	for i := range 20 {
		to := func(name string) []string { return []string{fmt.Sprintf("%s-%s%d@sink.example", prefix, name, i)} }
		l.add("several", relayMail{
			Recipients: append(to("to"), to("and")...), CC: to("cc"), BCC: to("bcc"), Subject: "Several", Text: fmt.Sprintf("Mail %d for four.\n", i),
		})
		l.add("gone", relayMail{Recipients: []string{fmt.Sprintf("gone-%s%d@sink.example", prefix, i)}, Subject: "Gone", Text: "Nobody is here.\n"})
		l.add("later", relayMail{Recipients: []string{fmt.Sprintf("later-%s%d@sink.example", prefix, i)}, Subject: "Later", Text: "Not now.\n"})
	}
	for i := range 5 {
		l.add("file", relayMail{
			Recipients: []string{fmt.Sprintf("%s-file%d@sink.example", prefix, i)}, Subject: "Files", Text: "See the files.\n",
			Attachments: []attachment{file(i, (1+i)<<20)},
		})
	}
	l.add("large", relayMail{Recipients: []string{prefix + "-large@sink.example"}, Subject: "Large", Text: "Too large.\n", Attachments: []attachment{file(9, 7<<20)}})
	for i, text := range odd() {
		l.add("odd", relayMail{Recipients: []string{fmt.Sprintf("%s-odd%d@sink.example", prefix, i)}, Subject: "Odd", Text: text})
		raw := "Subject: Odd\r\nFrom: no-reply@shop.example\r\nTo: odd@sink.example\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.ReplaceAll(fold(text), "\n", "\r\n")
		l.add("odd", relayMail{Recipients: []string{fmt.Sprintf("%s-raw%d@sink.example", prefix, i)}, Raw: []byte(raw)})
	}
	for i := range 3 {
		l.add("utf8", relayMail{Recipients: []string{fmt.Sprintf("jörg-%s%d@bücher.example", prefix, i)}, Subject: "Grüße", Text: "Schöne Grüße.\n"})
		l.add("idn", relayMail{Recipients: []string{fmt.Sprintf("%s-idn%d@bücher.example", prefix, i)}, Subject: "Grüße", Text: "Schöne Grüße.\n"})
	}
}

// odd are texts that have broken dialogues.
func odd() []string {
	return []string{
		".\n..\n...\n.line\n\n.\n",
		".",
		"one\n.\nQUIT\nMAIL FROM:<evil@example.com>\n.\n",
		strings.Repeat("x", 5000) + "\n" + strings.Repeat(".", 3000) + "\n",
		"Grüße aus Köln, ¿qué tal?, 日本語, 🙂\n",
		"From the start\n>From the second\nFrom the third\n",
		strings.Repeat(strings.Repeat("é", 30)+"\n.", 3000) + "\n",
		"trailing spaces   \n\t\n\n\n",
	}
}

// fold keeps the lines of a raw message to what SMTP allows.
func fold(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for len(line) > 990 {
			out.WriteString(line[:990] + "\n")
			line = line[990:]
		}
		out.WriteString(line)
	}
	return out.String()
}

// file has content that no two share and nothing compresses.
func file(seed, size int) attachment {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(strconv.Itoa(seed)))).Read(content) // it never fails
	return attachment{Filename: fmt.Sprintf("file%d.bin", seed), ContentType: "application/octet-stream", Content: content}
}
