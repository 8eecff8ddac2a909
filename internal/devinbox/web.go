package devinbox

import (
	"embed"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed static templates
var files embed.FS

const (
	// pagePolicy: nothing but our own files; the mail stands in a frame of its own.
	pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// mailPolicy: no script, no request to anywhere; links may open a tab, which is an ordinary one.
	mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)

func (i *Inbox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(files))
	mux.HandleFunc("GET /{$}", i.page)
	mux.HandleFunc("GET /list", i.listFragment)
	mux.HandleFunc("GET /messages/{id}", i.page)
	mux.HandleFunc("GET /messages/{id}/html", i.mailHTML)
	mux.HandleFunc("GET /messages/{id}/raw", i.mailRaw)
	mux.HandleFunc("GET /messages/{id}/attachments/{n}", i.mailAttachment)
	mux.HandleFunc("POST /delete", i.deleteAll)
	mux.HandleFunc("POST /messages/{id}/delete", i.deleteOne)
	mux.HandleFunc("GET /api/messages", i.apiList)
	mux.HandleFunc("GET /api/messages/{id}", i.apiGet)
	mux.HandleFunc("DELETE /api/messages", i.apiClear)
	mux.HandleFunc("DELETE /api/messages/{id}", i.apiRemove)
	return i.guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard answers only under a name of this machine: another name that was made to
// point here would let a web site in the same browser read the mails.
func (i *Inbox) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !i.allowedHost(r.Host) {
			http.Error(w, "This inbox answers under localhost, a loopback address or a name that it was given.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (i *Inbox) allowedHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	ip := net.ParseIP(host)
	listened, _, _ := net.SplitHostPort(i.opts.HTTPAddr)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback() ||
		host != "" && (host == listened || slices.Contains(i.opts.Hosts, host))
}

// fromPath is the mail that the path names; false after the answer 404 was given.
func (i *Inbox) fromPath(w http.ResponseWriter, r *http.Request, see bool) (entry, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		if e, ok := i.store.get(id, see); ok {
			return e, true
		}
	}
	http.Error(w, "This mail is not (or no longer) in the inbox.", http.StatusNotFound)
	return entry{}, false
}

func (i *Inbox) mailHTML(w http.ResponseWriter, r *http.Request) {
	if e, ok := i.fromPath(w, r, false); ok {
		w.Header().Set("Content-Security-Policy", mailPolicy)
		i.write(w, r, "text/html; charset=utf-8", []byte(frameHTML(e.parsed)))
	}
}

func (i *Inbox) mailRaw(w http.ResponseWriter, r *http.Request) {
	if e, ok := i.fromPath(w, r, false); ok {
		i.write(w, r, "text/plain; charset=utf-8", e.raw)
	}
}

// mailAttachment is always saved, never shown: what a mail brings has no business in this origin.
func (i *Inbox) mailAttachment(w http.ResponseWriter, r *http.Request) {
	e, ok := i.fromPath(w, r, false)
	if !ok {
		return
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || n > len(e.parsed.attachments) {
		http.Error(w, "The mail has no such attachment.", http.StatusNotFound)
		return
	}
	a := e.parsed.attachments[n-1]
	w.Header().Set("Content-Disposition", saveAs(a.filename, n))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	i.write(w, r, "application/octet-stream", a.data)
}

func (i *Inbox) deleteAll(w http.ResponseWriter, r *http.Request) {
	i.store.clear()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (i *Inbox) deleteOne(w http.ResponseWriter, r *http.Request) {
	if e, ok := i.fromPath(w, r, false); ok {
		i.store.remove(e.id)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

func (i *Inbox) write(w http.ResponseWriter, r *http.Request, contentType string, b []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	if _, err := w.Write(b); err != nil && !errors.Is(err, r.Context().Err()) {
		i.opts.Logger.DebugContext(r.Context(), "inbox: answer not taken", "err", err)
	}
}
