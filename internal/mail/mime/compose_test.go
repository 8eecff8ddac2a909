package mime

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
)

func codeContent() Content {
	return Content{
		MessageID: "<42.abc@shop.example>",
		Date:      time.Date(2026, 3, 1, 12, 30, 0, 0, time.FixedZone("WIB", 7*3600)),
		From:      "Toko Bücher <toko@bücher.example>",
		To:        []string{"Jörg <joerg@shop.example>"},
		Subject:   "Kode Anda – Ihr Code",
		Text:      "Kode: 123456\nberlaku 10 menit\n",
		HTML:      "<p>Kode: <b>123456</b></p>",
	}
}

func compose(t *testing.T, c Content) string {
	t.Helper()
	b, err := Compose(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestComposeCode(t *testing.T) {
	t.Parallel()
	c := codeContent()
	c.Headers = map[string]string{"Auto-Submitted": "auto-generated", "X-Shop": "Größe", "List-Unsubscribe": "<https://shop.example/u>"}
	got := compose(t, c)
	b := boundary("a", c.MessageID)
	want := strings.ReplaceAll(`Date: Sun, 01 Mar 2026 05:30:00 +0000
From: =?utf-8?q?Toko_B=C3=BCcher?= <toko@xn--bcher-kva.example>
To: =?utf-8?q?J=C3=B6rg?= <joerg@shop.example>
Subject: =?utf-8?q?Kode_Anda_=E2=80=93_Ihr_Code?=
Message-ID: <42.abc@shop.example>
Auto-Submitted: auto-generated
List-Unsubscribe: <https://shop.example/u>
X-Shop: =?utf-8?q?Gr=C3=B6=C3=9Fe?=
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="BOUNDARY"

--BOUNDARY
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

Kode: 123456
berlaku 10 menit

--BOUNDARY
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 7bit

<p>Kode: <b>123456</b></p>

--BOUNDARY--
`, "BOUNDARY", b)
	if got = strings.ReplaceAll(got, "\r\n", "\n"); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// TestComposeIsDeterministic: a second try sends the same bytes, whatever order a map has.
func TestComposeIsDeterministic(t *testing.T) {
	t.Parallel()
	c := fullContent()
	for _, id := range []string{c.MessageID, ""} {
		c.MessageID = id
		first := compose(t, c)
		for range 20 {
			if compose(t, c) != first {
				t.Fatal("two different messages for one content")
			}
		}
	}
	other := c
	other.Text += "x"
	if regexp.MustCompile(`Message-ID: .*`).FindString(compose(t, c)) == regexp.MustCompile(`Message-ID: .*`).FindString(compose(t, other)) {
		t.Fatal("two contents share a made-up Message-ID")
	}
}

func fullContent() Content {
	c := codeContent()
	c.ReplyTo = "a@b.example, Hilfe <help@shop.example>"
	c.CC = []string{"c@d.example"}
	c.Headers = map[string]string{"X-A": "1", "X-B": "2", "X-C": "3", "Bcc": "secret@shop.example", "In-Reply-To": "<x@y>"}
	c.Text = strings.Repeat("Ein längerer Text. ", 200) + "\nFrom here on\n.\n"
	c.HTML = "<p>" + strings.Repeat("ä", 5000) + `</p><img src="cid:logo">`
	c.Attachments = []Attachment{
		{Filename: "Rechnung März.pdf", ContentType: "application/pdf", Data: bytes.Repeat([]byte{0, 1, 2, 255}, 500)},
		{Filename: "logo.png", ContentType: "image/png", ContentID: "<logo>", Data: []byte("png")},
		{ContentType: "text/csv; charset=iso-8859-1", Filename: "a.csv", Data: []byte("\xe4;1\r\n")},
		{ContentType: "message/rfc822", Filename: "old.eml", Data: []byte("Subject: old\n\nold\n")},
	}
	return c
}

// TestComposeReadsBack with another reader: every part, name and byte.
func TestComposeReadsBack(t *testing.T) {
	t.Parallel()
	c := fullContent()
	composed := compose(t, c)
	checkLines(t, composed)
	if strings.Contains(strings.ToLower(composed), "secret@") || strings.Contains(strings.ToLower(composed), "\nbcc") {
		t.Fatal("Bcc stands in the message")
	}
	r, err := gomail.CreateReader(strings.NewReader(composed))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := r.Header.Subject()
	from, _ := r.Header.AddressList("From")
	replyTo, _ := r.Header.AddressList("Reply-To")
	if subject != c.Subject || from[0].Name != "Toko Bücher" || len(replyTo) != 2 || replyTo[1].Name != "Hilfe" {
		t.Fatalf("header: %q %v %v", subject, from, replyTo)
	}
	var bodies []string
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !message.IsUnknownCharset(err) {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(b))
	}
	lf := func(s string) string { return strings.TrimSuffix(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
	want := []string{c.Text, c.HTML, string(c.Attachments[1].Data), string(c.Attachments[0].Data), "\xe4;1\r\n", string(c.Attachments[3].Data)}
	if len(bodies) != len(want) {
		t.Fatalf("%d parts, want %d", len(bodies), len(want))
	}
	for i := range want {
		if lf(bodies[i]) != lf(want[i]) {
			t.Errorf("part %d: got %.80q, want %.80q", i, bodies[i], want[i])
		}
	}
	if !strings.Contains(composed, "filename*=utf-8''Rechnung%20M%C3%A4rz.pdf") || !strings.Contains(composed, `Content-ID: <logo>`) ||
		!strings.Contains(composed, "Content-Disposition: inline; filename=logo.png") {
		t.Error("an attachment lost its name or its Content-ID")
	}
}

// checkLines: CRLF only, no line over 998 bytes, ASCII.
func checkLines(t *testing.T, message string) {
	t.Helper()
	for line := range strings.SplitSeq(message, "\r\n") {
		if len(line) > maxLine || strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("bad line of %d bytes: %.80q", len(line), line)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Content)
		field  string
	}{
		"no sender":         {func(c *Content) { c.From = "" }, "from"},
		"sender injection":  {func(c *Content) { c.From = "a@b.co\r\nBcc: x@y.co" }, "from"},
		"name injection":    {func(c *Content) { c.To = []string{"A\r\nBcc: x@y.co <a@b.co>"} }, "to"},
		"quoted injection":  {func(c *Content) { c.To = []string{"\"A\r\n B\" <a@b.co>"} }, "to"},
		"no address":        {func(c *Content) { c.To = []string{"nobody"} }, "to"},
		"cc":                {func(c *Content) { c.CC = []string{"a@b..co"} }, "cc"},
		"reply-to":          {func(c *Content) { c.ReplyTo = "x\n@y.co" }, "reply_to"},
		"subject injection": {func(c *Content) { c.Subject = "Hi\r\nBcc: x@y.co" }, "subject"},
		"subject NUL":       {func(c *Content) { c.Subject = "a\x00b" }, "subject"},
		"endless word":      {func(c *Content) { c.Headers = map[string]string{"X-A": strings.Repeat("x", 1200)} }, "headers.X-A"},
		"header injection":  {func(c *Content) { c.Headers = map[string]string{"X-A": "1\nBcc: x@y.co"} }, "headers.X-A"},
		"header name":       {func(c *Content) { c.Headers = map[string]string{"X-A: b\r\nBcc": "x@y.co"} }, "headers"},
		"empty header name": {func(c *Content) { c.Headers = map[string]string{"": "x"} }, "headers"},
		"reserved header":   {func(c *Content) { c.Headers = map[string]string{"content-TYPE": "text/html"} }, "headers.content-TYPE"},
		"second From":       {func(c *Content) { c.Headers = map[string]string{"From": "x@y.co"} }, "headers.From"},
		"message id":        {func(c *Content) { c.MessageID = "<a b@c>" }, "message_id"},
		"message id CR":     {func(c *Content) { c.MessageID = "<a@c>\r\nBcc: x@y.co" }, "message_id"},
		"date":              {func(c *Content) { c.Date = time.Time{} }, "date"},
		"content type":      {func(c *Content) { c.Attachments = []Attachment{{}, {ContentType: "text"}} }, "attachments[1]"},
		"content type CR":   {func(c *Content) { c.Attachments = []Attachment{{ContentType: "a/b; c=\"d\r\ne\""}} }, "attachments[0]"},
		"filename CR":       {func(c *Content) { c.Attachments = []Attachment{{Filename: "a\r\nb"}} }, "attachments[0]"},
		"content id":        {func(c *Content) { c.Attachments = []Attachment{{ContentID: "a b"}} }, "attachments[0]"},
		"content id CR":     {func(c *Content) { c.Attachments = []Attachment{{ContentID: "a>\r\nX: <b"}} }, "attachments[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := codeContent()
			c.change(&content)
			_, err := Compose(content)
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Field != c.field {
				t.Fatalf("got %v, want a fault in %s", err, c.field)
			}
			if strings.Contains(err.Error(), "x@y.co") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("the error repeats the value: %q", err)
			}
		})
	}
}

func TestComposeShapes(t *testing.T) {
	t.Parallel()
	c := codeContent()
	c.HTML = ""
	if m := compose(t, c); strings.Contains(m, "multipart") {
		t.Errorf("a text mail needs no parts:\n%s", m)
	}
	c.Text = ""
	if m := compose(t, c); !strings.Contains(m, "text/plain") {
		t.Errorf("an empty mail is an empty text:\n%s", m)
	}
	c.HTML = "<p>x</p>"
	if m := compose(t, c); strings.Contains(m, "multipart") || !strings.Contains(m, "text/html") {
		t.Errorf("an HTML mail needs no parts:\n%s", m)
	}
	c.To = nil
	if m := compose(t, c); !strings.Contains(m, "To: undisclosed-recipients:;\r\n") {
		t.Errorf("a mail without visible recipients:\n%s", m)
	}
	c.Subject = strings.Repeat("lang ", 300) + strings.Repeat(" ", 300) + "ü"
	checkLines(t, compose(t, c))
	c.Headers = map[string]string{"message-id": "<own@shop.example>"}
	if m := compose(t, c); !strings.Contains(m, "Message-ID: <own@shop.example>\r\n") || strings.Contains(m, c.MessageID) {
		t.Errorf("the sender's own Message-ID counts:\n%s", m)
	}
}

// FuzzCompose: no content makes a line too long, a lone CR or LF, or a header
// field that was not asked for.
func FuzzCompose(f *testing.F) {
	f.Add("Hi", "text", "<p>html</p>", "X-A", "value", "a.txt", []byte("data"))
	f.Add("ü\r\nBcc: x", "From a\n.\n", "=_", "Bcc", "\x00", "\r\n", []byte("\r"))
	known := regexp.MustCompile(`(?i)^(date|from|to|subject|message-id|mime-version|content-type|content-transfer-encoding|content-disposition)$`)
	f.Fuzz(func(t *testing.T, subject, body, html, name, value, filename string, data []byte) {
		c := codeContent()
		c.Subject, c.Text, c.HTML, c.Headers = subject, body, html, map[string]string{name: value}
		c.Attachments = []Attachment{{Filename: filename, Data: data}}
		b, err := Compose(c)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		checkLines(t, string(b))
		head, _, _ := strings.Cut(string(b), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			key, _, _ := strings.Cut(line, ":")
			if line[0] != ' ' && line[0] != '\t' && !known.MatchString(key) && key != name {
				t.Fatalf("unasked field %q", line)
			}
		}
	})
}

func BenchmarkCompose(b *testing.B) {
	c := codeContent()
	c.Headers = map[string]string{"Auto-Submitted": "auto-generated"}
	c.HTML = strings.Repeat("<p>Your code is <b>123456</b>. It is valid for ten minutes – no longer.</p>\n", 40)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compose(c); err != nil {
			b.Fatal(err)
		}
	}
}
