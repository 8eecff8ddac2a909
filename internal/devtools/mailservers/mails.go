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

// message is a mail as mail_enqueue_batch takes it.
type message struct {
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

// expectation is what must become of one recipient's mail.
type expectation struct {
	kind  string
	text  string   // its plain text, or the raw body
	files []string // SHA-256 of each attachment
}

// batch is the mails of one part of a trial.
type batch struct {
	mails    []message
	expected map[string]expectation // by recipient
}

// add adds a mail whose recipients no other has.
func (b *batch) add(kind string, m message) {
	w := expectation{kind: kind, text: m.Text}
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
			b.expected[normalize(r)] = w
		}
	}
	b.mails = append(b.mails, m)
}

// addBulk adds so many ordinary mails, one in ten with on_unknown = hold.
func (b *batch) addBulk(prefix string, n int) {
	for i := range n {
		m := message{
			Recipients: []string{fmt.Sprintf("%s-%d@sink.example", prefix, i)}, Subject: fmt.Sprintf("%s %d: your order, with thanks from Köln", prefix, i),
			Text: strings.Repeat(fmt.Sprintf("Order %d of %s is on its way.\n", i, prefix), 20),
			HTML: strings.Repeat(fmt.Sprintf("<p>Order %d of <b>%s</b> is on its way.</p>\n", i, prefix), 20),
		}
		kind := "plain"
		if i%10 == 9 {
			m.OnUnknown, kind = "hold", "hold"
		}
		b.add(kind, m)
	}
}

// addSpecial adds mails of every other kind, spread among the ordinary ones.
func (b *batch) addSpecial(prefix string) {
	for i := range 20 {
		to := func(name string) []string { return []string{fmt.Sprintf("%s-%s%d@sink.example", prefix, name, i)} }
		b.add("several", message{
			Recipients: append(to("to"), to("and")...), CC: to("cc"), BCC: to("bcc"), Subject: "Several", Text: fmt.Sprintf("Mail %d for four.\n", i),
		})
		b.add("gone", message{Recipients: []string{fmt.Sprintf("gone-%s%d@sink.example", prefix, i)}, Subject: "Gone", Text: "Nobody is here.\n"})
		b.add("later", message{Recipients: []string{fmt.Sprintf("later-%s%d@sink.example", prefix, i)}, Subject: "Later", Text: "Not now.\n"})
	}
	for i := range 5 {
		b.add("file", message{
			Recipients: []string{fmt.Sprintf("%s-file%d@sink.example", prefix, i)}, Subject: "Files", Text: "See the files.\n",
			Attachments: []attachment{file(i, (1+i)<<20)},
		})
	}
	b.add("large", message{Recipients: []string{prefix + "-large@sink.example"}, Subject: "Large", Text: "Too large.\n", Attachments: []attachment{file(9, 7<<20)}})
	for i, text := range hostileTexts() {
		b.add("hostile", message{Recipients: []string{fmt.Sprintf("%s-hostile%d@sink.example", prefix, i)}, Subject: "Hostile", Text: text})
		raw := "Subject: Hostile\r\nFrom: no-reply@shop.example\r\nTo: hostile@sink.example\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.ReplaceAll(fold(text), "\n", "\r\n")
		b.add("hostile", message{Recipients: []string{fmt.Sprintf("%s-raw%d@sink.example", prefix, i)}, Raw: []byte(raw)})
	}
	for i := range 3 {
		b.add("utf8", message{Recipients: []string{fmt.Sprintf("jörg-%s%d@bücher.example", prefix, i)}, Subject: "Grüße", Text: "Schöne Grüße.\n"})
		b.add("idn", message{Recipients: []string{fmt.Sprintf("%s-idn%d@bücher.example", prefix, i)}, Subject: "Grüße", Text: "Schöne Grüße.\n"})
	}
}

// hostileTexts are texts that have broken SMTP dialogues.
func hostileTexts() []string {
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

// file has unique and incompressible content.
func file(seed, size int) attachment {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(strconv.Itoa(seed)))).Read(content) // it never fails
	return attachment{Filename: fmt.Sprintf("file%d.bin", seed), ContentType: "application/octet-stream", Content: content}
}
