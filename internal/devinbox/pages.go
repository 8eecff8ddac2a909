package devinbox

import (
	"bytes"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// view is everything that the page shows.
type view struct {
	SMTPAddr string
	Query    string
	Version  int64
	Rows     []row
	Total    int
	Unread   int
	Open     *opened
}

// row is a mail in the list.
type row struct {
	ID          int64
	Name        string // sender's name, else address
	Subject     string
	Recipients  string
	Snippet     string
	Received    time.Time
	Attachments int
	Unread      bool
	Open        bool
	URL         string
}

// opened is the mail on the right.
type opened struct {
	row
	From, To, CC, Date string
	Sender             string
	Tabs               []tab
	Tab                string
	Text               []segment
	Headers            []header
	Files              []file
	Raw                string
	Fault              string
	Size               string
}

type tab struct{ Name, Label, URL string }

type file struct{ Name, Type, Size, URL string }

func parseTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"clock": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"short": func(t time.Time) string { return t.Format("15:04") },
	}).ParseFS(files, "templates/*.html")
}

// page is the list, with one mail beside it where the path names one.
func (i *Inbox) page(w http.ResponseWriter, r *http.Request) {
	var v view
	if r.PathValue("id") != "" {
		e, ok := i.fromPath(w, r, true)
		if !ok {
			return
		}
		v.Open = open(e, r.URL.Query().Get("tab"), r.URL.Query().Get("q"))
	}
	f := filter{query: r.URL.Query().Get("q")}
	found, version, _ := i.store.list(f)
	i.fill(&v, f, found, version)
	i.render(w, r, "page", v)
}

// listFragment is the list alone, for the script that keeps it up to date; it
// waits like the API.
func (i *Inbox) listFragment(w http.ResponseWriter, r *http.Request) {
	found, version, ok := i.listFor(w, r)
	if !ok {
		return
	}
	v := view{}
	if id, err := strconv.ParseInt(r.URL.Query().Get("open"), 10, 64); err == nil {
		v.Open = &opened{row: row{ID: id}}
	}
	i.fill(&v, filter{query: r.URL.Query().Get("q")}, found, version)
	i.render(w, r, "list", v)
}

func (i *Inbox) fill(v *view, f filter, found []entry, version int64) {
	v.SMTPAddr, v.Query, v.Version, v.Total = i.SMTPAddr(), f.query, version, len(found)
	for _, e := range found {
		row := rowOf(e, f.query)
		row.Open = v.Open != nil && v.Open.ID == e.id
		row.Unread = row.Unread && !row.Open
		if row.Unread {
			v.Unread++
		}
		v.Rows = append(v.Rows, row)
	}
}

func rowOf(e entry, query string) row {
	name := e.parsed.from
	if a, err := mail.ParseAddress(name); err == nil {
		name = a.Name
		if name == "" {
			name = a.Address
		}
	}
	address := "/messages/" + strconv.FormatInt(e.id, 10)
	if query != "" {
		address += "?q=" + url.QueryEscape(query)
	}
	return row{
		ID: e.id, Name: orElse(name, orElse(e.sender, "(no sender)")), Subject: orElse(e.parsed.subject, "(no subject)"),
		Recipients: strings.Join(e.recipients, ", "), Snippet: snippet(e.parsed), Received: e.received,
		Attachments: len(e.parsed.attachments), Unread: !e.seen, URL: address,
	}
}

// unquoted shows mailboxes as a mail program would; what is none stays as it is.
func unquoted(list string) string {
	mailboxes, err := mail.ParseAddressList(list)
	if err != nil {
		return list
	}
	shown := make([]string, len(mailboxes))
	for n, m := range mailboxes {
		shown[n] = strings.TrimSpace(m.Name + " <" + m.Address + ">")
		if m.Name == "" {
			shown[n] = m.Address
		}
	}
	return strings.Join(shown, ", ")
}

// snippet is the beginning of the text.
func snippet(p parsed) string {
	words := strings.Fields(p.text[:min(len(p.text), 400)])
	text := []rune(clean(strings.Join(words, " ")))
	return string(text[:min(len(text), 140)])
}

func open(e entry, wanted, query string) *opened {
	o := &opened{
		row: rowOf(e, query), From: orElse(unquoted(e.parsed.from), e.sender), To: orElse(unquoted(e.parsed.to), "(nobody named)"), CC: unquoted(e.parsed.cc), Date: e.parsed.date,
		Sender: orElse(e.sender, "<>"), Text: splitLinks(e.parsed.text), Headers: e.parsed.headers, Raw: clean(string(e.raw)), Fault: e.parsed.fault, Size: size(len(e.raw)),
	}
	if e.parsed.html != "" {
		o.addTab("html", "HTML")
	}
	if e.parsed.text != "" || e.parsed.html == "" {
		o.addTab("text", "Text")
	}
	o.addTab("headers", "Headers")
	if len(e.parsed.attachments) > 0 {
		o.addTab("files", "Attachments "+strconv.Itoa(len(e.parsed.attachments)))
	}
	o.addTab("raw", "Raw")
	o.Tab = o.Tabs[0].Name
	for _, t := range o.Tabs {
		if t.Name == wanted {
			o.Tab = wanted
		}
	}
	for n, a := range e.parsed.attachments {
		o.Files = append(o.Files, file{orElse(a.filename, fmt.Sprintf("attachment %d", n+1)), a.contentType, size(len(a.data)), attachmentURL(e.id, n+1)})
	}
	return o
}

func (o *opened) addTab(name, label string) {
	glue := "?"
	if strings.Contains(o.URL, "?") {
		glue = "&"
	}
	o.Tabs = append(o.Tabs, tab{name, label, o.URL + glue + "tab=" + name})
}

func (i *Inbox) render(w http.ResponseWriter, r *http.Request, name string, v view) {
	var out bytes.Buffer
	if err := i.pages.ExecuteTemplate(&out, name, v); err != nil {
		i.opts.Logger.ErrorContext(r.Context(), "inbox: page", "err", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	i.write(w, r, "text/html; charset=utf-8", out.Bytes())
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func size(n int) string {
	switch {
	case n < 1000:
		return strconv.Itoa(n) + " B"
	case n < 1000_000:
		return strconv.Itoa((n+500)/1000) + " kB"
	default:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
}

func saveAs(name string, n int) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": orElse(name, fmt.Sprintf("attachment-%d", n))}); d != "" {
		return d
	}
	return "attachment"
}
