package devinbox

import (
	"net/http"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	empty := call(t, i, http.MethodGet, "/")
	wantIn(t, empty.body, "No mail yet", i.SMTPAddr(), "SESPAN_SMTP_URL=smtp://"+i.SMTPAddr()+"?tls=none")
	send(t, i, plain, "a@b.co")
	send(t, i, multi, "c@d.co")
	front := call(t, i, http.MethodGet, "/")
	wantIn(t, front.body, "2 mails", "2 new", "Grüße", "Hello", "Jörg", `data-unread="2"`)
	if strings.Index(front.body, "Grüße") > strings.Index(front.body, "Hello") {
		t.Error("the newest mail is not the first")
	}
	text := call(t, i, http.MethodGet, "/messages/1")
	wantIn(t, text.body, "1 new", `<a href="https://shop.example/c#otp=1" target="_blank" rel="noopener noreferrer">`)
	wantIn(t, call(t, i, http.MethodGet, "/messages/2").body, `sandbox="allow-popups allow-popups-to-escape-sandbox"`, "Attachments 2")
	wantIn(t, call(t, i, http.MethodGet, "/messages/2?tab=files").body, "März.pdf", "/messages/2/attachments/2")
	wantIn(t, call(t, i, http.MethodGet, "/messages/2?tab=headers").body, "MIME-Version", "Jörg &lt;j@d.co&gt;")
	wantIn(t, call(t, i, http.MethodGet, "/messages/2?tab=raw").body, "--m--")
	wantIn(t, call(t, i, http.MethodGet, "/?q=hello").body, "1 mail found", `href="/messages/1?q=hello"`)
	wantIn(t, call(t, i, http.MethodGet, "/?q=%3Cscript%3E").body, "Nothing found", "&lt;script&gt;")
	wantIn(t, call(t, i, http.MethodGet, "/list?open=1&since=0").body, `aria-current="true"`)
	for _, path := range []string{"/static/inbox.css", "/static/inbox.js", "/static/icon.svg"} {
		if a := call(t, i, http.MethodGet, path); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestNothingInline: the strict policy would block it.
func TestNothingInline(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	send(t, i, multi, "c@d.co")
	page := call(t, i, http.MethodGet, "/messages/1")
	wantNotIn(t, page.body, "<style", "style=", "onclick", "<script>")
	policy := page.header.Get("Content-Security-Policy")
	wantIn(t, policy, "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
	wantNotIn(t, policy, "unsafe")
	if page.header.Get("X-Content-Type-Options") != "nosniff" || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", page.header)
	}
}

// TestHTMLMail: links open a tab, inline images show, and nothing leads the frame away.
func TestHTMLMail(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	send(t, i, multi, "c@d.co")
	frame := call(t, i, http.MethodGet, "/messages/1/html")
	wantIn(t, frame.body, `<a target="_blank" rel="noopener noreferrer" href="https://shop.example/c#otp=1">`,
		`src="data:image/png;base64,iVBORw=="`, "p > b{color:red}")
	wantNotIn(t, frame.body, "<base", "refresh", "_top")
	policy := frame.header.Get("Content-Security-Policy")
	wantIn(t, policy, "sandbox allow-popups allow-popups-to-escape-sandbox", "default-src 'none'")
	wantNotIn(t, policy, "script-src", "allow-scripts", "allow-same-origin", "http:")
}

// TestHostileMail: whatever a mail holds, it stays text in our own pages.
func TestHostileMail(t *testing.T) {
	t.Parallel()
	i := start(t, Options{})
	const evil = `"><script>alert(1)</script>`
	send(t, i, "From: "+evil+" <a@b.co>\nTo: "+evil+"\nSubject: "+evil+"\nX-"+"Evil: "+evil+"\n"+
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n\njavascript:alert(1) "+evil+"\n--b\nContent-Type: text/x;\n"+
		"Content-Disposition: attachment; filename=\"../../"+strings.ReplaceAll(evil, `"`, `\"`)+"\"\n\nx\n--b--\n", "a@b.co")
	for _, path := range []string{"/", "/messages/1", "/messages/1?tab=headers", "/messages/1?tab=files", "/messages/1?tab=raw", "/list?since=0"} {
		wantNotIn(t, call(t, i, http.MethodGet, path).body, "<script>alert", `href="javascript`)
	}
	file := call(t, i, http.MethodGet, "/messages/1/attachments/1")
	wantNotIn(t, file.header.Get("Content-Disposition"), "..", "/..")
}

// TestRebinding: a foreign name that points at this machine gets nothing, and a
// foreign page cannot delete.
func TestRebinding(t *testing.T) {
	t.Parallel()
	i := start(t, Options{Hosts: []string{"mail.test"}})
	send(t, i, plain, "a@b.co")
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:8025": 421, "127.0.0.1.evil.example": 421, "192.0.2.1": 421, "localhost.evil.example": 421,
		"localhost": 200, "localhost:8025": 200, "LOCALHOST": 200, "inbox.localhost": 200, "127.0.0.1": 200, "[::1]:8025": 200, "[::1]": 200, "mail.test": 200,
	} {
		for _, path := range []string{"/", "/api/messages", "/messages/1/raw"} {
			if a := call(t, i, http.MethodGet, path, func(r *http.Request) { r.Host = host }); a.status != want {
				t.Errorf("%s under %q: %d, want %d", path, host, a.status, want)
			}
		}
	}
	foreign := func(r *http.Request) {
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	if a := call(t, i, http.MethodPost, "/delete", foreign); a.status != http.StatusForbidden {
		t.Errorf("deletion by a foreign page: %d", a.status)
	}
	if a := call(t, i, http.MethodDelete, "/api/messages", foreign); a.status != http.StatusForbidden {
		t.Errorf("deletion by a foreign page: %d", a.status)
	}
	if a := call(t, i, http.MethodPost, "/messages/1/delete"); a.status != http.StatusSeeOther || len(list(t, i, "").Messages) != 0 {
		t.Errorf("deletion by our own page: %d", a.status)
	}
	send(t, i, plain, "a@b.co")
	if a := call(t, i, http.MethodPost, "/delete"); a.status != http.StatusSeeOther || len(list(t, i, "").Messages) != 0 {
		t.Errorf("deletion of all: %d", a.status)
	}
}
