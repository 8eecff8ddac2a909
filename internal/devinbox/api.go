package devinbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// summary is a mail in a list.
type summary struct {
	ID          int64     `json:"id"`
	ReceivedAt  time.Time `json:"received_at"`
	Sender      string    `json:"sender"`     // envelope
	Recipients  []string  `json:"recipients"` // envelope
	From        string    `json:"from"`       // header
	To          string    `json:"to"`         // header
	Subject     string    `json:"subject"`
	Size        int       `json:"size"` // bytes
	Attachments int       `json:"attachments"`
}

// detail is a mail parsed.
type detail struct {
	summary
	CC      string       `json:"cc"`
	Date    string       `json:"date"`
	Text    string       `json:"text"`
	HTML    string       `json:"html"`
	Headers []header     `json:"headers"`
	Files   []detailFile `json:"files"`
	Raw     string       `json:"raw"`
	Fault   string       `json:"fault,omitempty"`
}

type detailFile struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	ContentID   string `json:"content_id,omitempty"`
	Size        int    `json:"size"`
	URL         string `json:"url"`
}

func summarise(e entry) summary {
	return summary{
		ID: e.id, ReceivedAt: e.received.UTC(), Sender: e.sender, Recipients: e.recipients, From: e.parsed.from, To: e.parsed.to,
		Subject: e.parsed.subject, Size: len(e.raw), Attachments: len(e.parsed.attachments),
	}
}

// apiList answers {"version": 7, "messages": [summary, …]}, newest first.
//
// to picks an exact envelope recipient, q a part of addresses or subject. wait=10
// waits as many seconds (60 at most) for a mail that the filter picks; with
// since=7, a version from an earlier answer, it waits for any change after that.
func (i *Inbox) apiList(w http.ResponseWriter, r *http.Request) {
	found, version, ok := i.listFor(w, r)
	if !ok {
		return
	}
	list := make([]summary, len(found))
	for n, e := range found {
		list[n] = summarise(e)
	}
	i.writeJSON(w, r, map[string]any{"version": version, "messages": list})
}

// listFor is the list that the query asks for; false after the answer 400.
func (i *Inbox) listFor(w http.ResponseWriter, r *http.Request) (found []entry, version int64, ok bool) {
	query := r.URL.Query()
	f := filter{to: query.Get("to"), query: query.Get("q")}
	since, wait := int64(-1), 0
	var err error
	if s := query.Get("since"); s != "" {
		since, err = strconv.ParseInt(s, 10, 64)
	}
	if s := query.Get("wait"); s != "" && err == nil {
		wait, err = strconv.Atoi(s)
	}
	if err != nil || wait < 0 {
		http.Error(w, "since and wait must be whole numbers", http.StatusBadRequest)
		return nil, 0, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(min(wait, 60))*time.Second)
	defer cancel()
	for {
		found, version, changed := i.store.list(f)
		if since >= 0 && version != since || since < 0 && len(found) > 0 {
			return found, version, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, version, true
		}
	}
}

func (i *Inbox) apiGet(w http.ResponseWriter, r *http.Request) {
	e, ok := i.fromPath(w, r, false)
	if !ok {
		return
	}
	d := detail{
		summary: summarise(e), CC: e.parsed.cc, Date: e.parsed.date, Text: e.parsed.text, HTML: e.parsed.html,
		Headers: e.parsed.headers, Files: []detailFile{}, Raw: clean(string(e.raw)), Fault: e.parsed.fault,
	}
	for n, a := range e.parsed.attachments {
		d.Files = append(d.Files, detailFile{a.filename, a.contentType, a.contentID, len(a.data), attachmentURL(e.id, n+1)})
	}
	i.writeJSON(w, r, d)
}

func attachmentURL(id int64, n int) string {
	return "/messages/" + strconv.FormatInt(id, 10) + "/attachments/" + strconv.Itoa(n)
}

func (i *Inbox) apiClear(w http.ResponseWriter, _ *http.Request) {
	i.store.clear()
	w.WriteHeader(http.StatusNoContent)
}

func (i *Inbox) apiRemove(w http.ResponseWriter, r *http.Request) {
	if e, ok := i.fromPath(w, r, false); ok {
		i.store.remove(e.id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (i *Inbox) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false) // <a@b.co> stays readable; the type and nosniff keep it from being a page
	if err := to.Encode(v); err != nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	i.write(w, r, "application/json", out.Bytes())
}
