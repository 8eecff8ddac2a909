package devinbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"
)

const plain = "From: Shop <shop@shop.example>\nTo: a@b.co\nSubject: Hello\n\nYour code: https://shop.example/c#otp=1.\n"

func TestMailIsListedAndParsed(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	if l := list(t, i, ""); l.Messages == nil || len(l.Messages) != 0 {
		t.Fatalf("an empty inbox lists %v", l.Messages)
	}
	send(t, i, plain, "a@b.co", "hidden@b.co")
	send(t, i, multi, "c@d.co")
	l := list(t, i, "")
	if len(l.Messages) != 2 || l.Messages[0].Subject != "Grüße" || l.Messages[1].Subject != "Hello" {
		t.Fatalf("newest first: %+v", l.Messages)
	}
	if got := l.Messages[1]; got.Sender != "shop@shop.example" || fmt.Sprint(got.Recipients) != "[a@b.co hidden@b.co]" || got.To != "a@b.co" {
		t.Fatalf("envelope: %+v", got)
	}
	var d detail
	get(t, i, fmt.Sprintf("/api/messages/%d", l.Messages[0].ID), &d)
	if d.Text != "Hallo Jörg\n" || !strings.Contains(d.HTML, `<img src="cid:logo">`) || len(d.Files) != 2 || d.Fault != "" {
		t.Fatalf("parsed: %+v", d)
	}
	if d.Headers[0] != (header{"From", "Jörg <j@d.co>"}) || d.Files[1].Filename != "März.pdf" {
		t.Fatalf("names: %+v %+v", d.Headers[0], d.Files[1])
	}
	file := call(t, i, http.MethodGet, d.Files[1].URL)
	if file.body != "%PDF" || file.header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment; filename*=") {
		t.Fatalf("attachment: %+v", file)
	}
	if raw := call(t, i, http.MethodGet, fmt.Sprintf("/messages/%d/raw", d.ID)); raw.body != strings.ReplaceAll(multi, "\n", "\r\n") {
		t.Fatalf("raw: %q", raw.body)
	}
}

const multi = `From: =?utf-8?q?J=C3=B6rg?= <j@d.co>
To: c@d.co
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hallo J=C3=B6rg

--a
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html; charset=utf-8

<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example"><style>p > b{color:red}</style>
<p>Hallo <a href="https://shop.example/c#otp=1" target="_top">Link</a><img src="cid:logo"></p><script>alert(1)</script>
--r
Content-Type: image/png
Content-ID: <logo>
Content-Transfer-Encoding: base64

iVBORw==
--r--
--a--
--m
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''M%C3%A4rz.pdf
Content-Transfer-Encoding: base64

JVBERg==
--m--
`

func TestKeepsTheNewest(t *testing.T) {
	t.Parallel()
	few := start(t, Options{Keep: 3})
	small := start(t, Options{MaxBytes: 3000})
	for n := range 5 {
		send(t, few, fmt.Sprintf("Subject: %d\n\nx\n", n), "a@b.co")
		send(t, small, fmt.Sprintf("Subject: %d\n\n%s\n", n, strings.Repeat("x", 1200)), "a@b.co")
	}
	if l := list(t, few, ""); len(l.Messages) != 3 || l.Messages[2].Subject != "2" {
		t.Errorf("by count: %+v", l.Messages)
	}
	if l := list(t, small, ""); len(l.Messages) != 2 || l.Messages[1].Subject != "3" {
		t.Errorf("by bytes: %+v", l.Messages)
	}
}

// TestWait: a test that waits for a mail gets it, without asking again and again.
func TestWait(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	send(t, i, plain, "other@b.co")
	got := make(chan listed, 1)
	go func() { got <- list(t, i, "?to=WANTED@b.co&wait=9") }()
	send(t, i, plain, "another@b.co")
	send(t, i, plain, "wanted@b.co")
	if l := <-got; len(l.Messages) != 1 || l.Messages[0].Recipients[0] != "wanted@b.co" {
		t.Fatalf("got %+v", l.Messages)
	}
	since := fmt.Sprintf("?wait=9&since=%d", list(t, i, "").Version)
	go func() { got <- list(t, i, since) }()
	if a := call(t, i, http.MethodDelete, "/api/messages"); a.status != http.StatusNoContent {
		t.Fatalf("delete: %d", a.status)
	}
	if l := <-got; len(l.Messages) != 0 {
		t.Fatalf("after deletion: %+v", l.Messages)
	}
	begin := time.Now()
	if l := list(t, i, "?wait=1"); len(l.Messages) != 0 || time.Since(begin) < 900*time.Millisecond {
		t.Fatalf("an empty inbox answered after %s: %+v", time.Since(begin), l.Messages)
	}
	for _, query := range []string{"?since=x", "?wait=x", "?wait=-1"} {
		if a := call(t, i, http.MethodGet, "/api/messages"+query); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

func TestSearchAndRemove(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	send(t, i, plain, "a@b.co")
	send(t, i, multi, "c@d.co")
	if l := list(t, i, "?q=GRÜSSE"); len(l.Messages) != 0 {
		t.Errorf("ß is not ss: %+v", l.Messages)
	}
	if l := list(t, i, "?q=GRÜ"); len(l.Messages) != 1 {
		t.Errorf("subject: %+v", l.Messages)
	}
	if l := list(t, i, "?q=c@d"); len(l.Messages) != 1 {
		t.Errorf("recipient: %+v", l.Messages)
	}
	if a := call(t, i, http.MethodDelete, "/api/messages/1"); a.status != http.StatusNoContent {
		t.Errorf("delete: %d", a.status)
	}
	for _, path := range []string{"/api/messages/1", "/api/messages/x", "/messages/1", "/messages/1/html", "/messages/1/raw", "/messages/2/attachments/9", "/messages/2/attachments/x"} {
		if a := call(t, i, http.MethodGet, path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestRefuseDeferDelay: an inbox that refuses, defers and delays as configured.
func TestRefuseDeferDelay(t *testing.T) {
	t.Parallel()
	i := start(t, Options{Refuse: regexp.MustCompile(`^gone@`), Defer: regexp.MustCompile(`^later@`), Delay: 50 * time.Millisecond})
	for to, want := range map[string]string{"gone@b.co": "550", "later@b.co": "451"} {
		if err := trySend(i, plain, to); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
	begin := time.Now()
	send(t, i, plain, "a@b.co")
	if time.Since(begin) < 50*time.Millisecond {
		t.Error("the answer was not delayed")
	}
	if l := list(t, i, ""); len(l.Messages) != 1 {
		t.Errorf("kept: %+v", l.Messages)
	}
}

func TestTooLargeAndAnyPassword(t *testing.T) {
	t.Parallel()
	i := start(t, Options{MaxMessageBytes: 1000})
	if err := trySend(i, "Subject: x\n\n"+strings.Repeat("x\n", 2000), "a@b.co"); err == nil || !strings.HasPrefix(err.Error(), "552") {
		t.Errorf("too large: %v", err)
	}
	host, _, _ := net.SplitHostPort(i.SMTPAddr())
	auth := smtp.PlainAuth("", "any", "thing", host)
	if err := smtp.SendMail(i.SMTPAddr(), auth, "a@b.co", []string{"c@d.co"}, []byte("Subject: x\r\n\r\nx\r\n")); err != nil {
		t.Errorf("with a password: %v", err)
	}
}

// TestBrokenMail is shown as far as it can be, and never breaks the page.
func TestBrokenMail(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	deep := "Subject: deep\n"
	for n := range 40 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", n, n)
	}
	for n, message := range []string{
		"no header at all\n", "\n", "Subject: \xff\xfe\n\n\xff", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ncut off",
		"Subject: x\nContent-Type: text/html; charset=klingon\n\n<b>x", "Subject: x\nContent-Transfer-Encoding: base64\n\n!!!\n",
		"Content-Type: nonsense\n\nx\n", deep, "Subject: =?utf-8?b?!!!?=\nFrom: <<>>\n\nx\n",
	} {
		send(t, i, message, "a@b.co")
		for _, path := range []string{"/messages/%d", "/messages/%d?tab=text", "/messages/%d?tab=raw", "/messages/%d/html", "/messages/%d/raw", "/api/messages/%d"} {
			if a := call(t, i, http.MethodGet, fmt.Sprintf(path, n+1)); a.status != http.StatusOK {
				t.Errorf("%.30q: %s answers %d", message, path, a.status)
			}
		}
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	i, err := New(Options{SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{SMTPAddr: i.SMTPAddr(), HTTPAddr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "inbox: SMTP") {
		t.Errorf("a busy SMTP port: %v", err)
	}
	if _, err := New(Options{SMTPAddr: "127.0.0.1:0", HTTPAddr: i.HTTPAddr()}); err == nil || !strings.Contains(err.Error(), "inbox: web page") {
		t.Errorf("a busy web port: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := i.Run(ctx); err != nil { // ends although it had hardly begun
		t.Error(err)
	}
}

// TestStopsWithOpenRequests: a long wait and an open SMTP connection do not hold Run up.
func TestStopsWithOpenRequests(t *testing.T) {
	t.Parallel()
	i, err := New(Options{SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	client, err := smtp.Dial(i.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	asked, answered := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(answered)
		trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(asked) }}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, i.URL()+"api/messages?wait=60", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r); err == nil { // an answer or a cut, at once
			_ = resp.Body.Close()
		}
	}()
	<-asked
	begin := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(begin) >= 3*time.Second {
		t.Errorf("ended after %s: %v", time.Since(begin), err)
	}
	<-answered
}
