package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/apilog"
)

// apiLog is the API log as the middleware needs it: apilog.Logger.
type apiLog interface {
	Record(ctx context.Context, e apilog.Entry)       // returns when committed, or after a bounded wait
	Admit(e apilog.Entry) (_ apilog.Entry, here bool) // an entry that another transaction writes, as it may be stored
}

// stranger is the quota of all calls that brought no valid key, token or signature.
const stranger = "stranger"

// maxLogged is how much of a request's body is kept for its row.
const maxLogged = 64 << 10

// logCalls writes the row of every call of an operation with a request type, and
// holds the answer back until that row is committed. The answer is buffered, so
// the row holds what is sent.
func logCalls(log apiLog, clock func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &bufferedResponse{ResponseWriter: w, status: http.StatusOK}
		rec := &recorder{req: requestContextOf(r.Context()), log: log, clock: clock, request: r, base: w.Header()}
		inner := r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec))
		inner.Body = tee{r.Body, rec}
		rec.stream = func() { //nolint:contextcheck // it is the request's
			log.Record(r.Context(), rec.answered(out))
			rec.MarkWritten()
			out.pass()
		}
		next.ServeHTTP(out, inner)
		if rec.req.requestType != "" && !rec.written.Load() {
			log.Record(r.Context(), rec.answered(out))
		}
		out.send()
	})
}

// bufferedResponse keeps an answer until send, or until it passes a stream on.
type bufferedResponse struct {
	http.ResponseWriter
	status  int
	body    bytes.Buffer
	passing bool
}

// WriteHeader may come a second time, when a handler panicked half-way: nothing
// has gone out yet, so the later answer replaces the first.
func (a *bufferedResponse) WriteHeader(status int) {
	if a.passing {
		return
	}
	a.status = status
	a.body.Reset()
}

func (a *bufferedResponse) Write(p []byte) (int, error) {
	if a.passing {
		return a.ResponseWriter.Write(p)
	}
	return a.body.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *bufferedResponse) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// pass sends the header; what is written from now on goes out at once.
func (a *bufferedResponse) pass() {
	a.ResponseWriter.WriteHeader(a.status)
	a.passing = true
}

func (a *bufferedResponse) send() {
	if a.passing {
		return
	}
	a.ResponseWriter.WriteHeader(a.status)
	a.ResponseWriter.Write(a.body.Bytes()) //nolint:errcheck // the caller has gone; nobody is left to tell
}

// tee keeps the beginning of what the handler reads of a request's body.
type tee struct {
	io.ReadCloser
	rec *recorder
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.rec.body.Write(p[:min(n, maxLogged-t.rec.body.Len())])
	t.rec.bodyLength += n
	return n, err
}

// recorder makes the log row of one request. A handler whose transaction writes
// the row itself (a draw) takes it by recorderOf before that transaction, calls
// Entry inside it, and MarkWritten when it has committed; the middleware then
// does not log the call again.
type recorder struct {
	req        *requestContext
	log        apiLog
	clock      func() time.Time
	request    *http.Request
	body       bytes.Buffer // the beginning of what the handler has read so far
	bodyLength int          // of all that it has read
	base       http.Header  // the answer's header, still growing until prepare
	written    atomic.Bool
	stream     func() // see beginStream; nil outside of a request

	once       sync.Once
	before     requestContext // as it was when the handler took the recorder
	sentHeader apilog.Header
	sentBody   apilog.Body
}

type recorderKey struct{}

// recorderOf gives the request's recorder; outside of one (tests of a single
// handler) an empty one. It redacts the request's half of the row right away, so
// that Entry is short inside a transaction: call it after the body was read.
func recorderOf(ctx context.Context) *recorder {
	rec, ok := ctx.Value(recorderKey{}).(*recorder)
	if !ok {
		rec = &recorder{req: requestContextOf(ctx), clock: time.Now, request: &http.Request{}}
	}
	rec.once.Do(rec.prepare)
	return rec
}

func (rec *recorder) prepare() {
	rec.before = *rec.req
	target := ""
	if rec.request.URL != nil {
		target = rec.request.URL.RequestURI()
	}
	rec.base = rec.base.Clone()
	if !rec.req.known { // what strangers send stays small, and they choose it
		rec.sentHeader = apilog.RedactStranger(rec.request.Method, target, rec.request.Header)
		return
	}
	rec.sentHeader = apilog.RedactRequest(rec.request.Method, target, rec.request.Header)
	rec.sentBody = apilog.RedactStart(rec.body.Bytes(), rec.bodyLength)
}

// Entry gives the row for an answer. header is what the handler adds to the
// answer's header, may be nil. It may be called from another goroutine, even after
// the handler gave up waiting: what the call knows (customer, outcome, details) is
// what it knew at recorderOf.
func (rec *recorder) Entry(status int, header http.Header, body []byte) apilog.Entry {
	all := rec.base.Clone()
	if all == nil {
		all = http.Header{}
	}
	for name, values := range header {
		all[name] = values
	}
	return rec.entry(rec.before, status, all, body)
}

// JSONEntry is Entry for an answer that huma will encode from value.
func (rec *recorder) JSONEntry(status int, header http.Header, value any) apilog.Entry {
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // as huma.DefaultJSONFormat does
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		b.Reset()
	}
	return rec.Entry(status, h, b.Bytes())
}

// Here gives the row of a draw as the draw's own transaction stores it; false when
// there is no room in the log, then it is a row like others.
func (rec *recorder) Here(status int, value any) (apilog.Entry, bool) {
	e := rec.JSONEntry(status, nil, value)
	if rec.log == nil {
		return e, true
	}
	return rec.log.Admit(e)
}

// MarkWritten says that the row has been committed.
func (rec *recorder) MarkWritten() { rec.written.Store(true) }

// answered gives the row of the answer as it will go out.
func (rec *recorder) answered(out *bufferedResponse) apilog.Entry {
	rec.once.Do(rec.prepare)
	return rec.entry(*rec.req, out.status, out.Header(), out.body.Bytes())
}

func (rec *recorder) entry(c requestContext, status int, header http.Header, body []byte) apilog.Entry {
	e := apilog.Entry{
		ResponseID: c.responseID, IP: c.clientIP, Type: c.requestType, CustomerID: c.customerID,
		RequestHeader: rec.sentHeader, RequestBody: rec.sentBody,
		ResponseHeader: apilog.RedactHeader(header), ResponseBody: apilog.RedactBody(body),
		Status: status, Outcome: c.outcome, StatusDetails: c.details,
		Requested: c.requested, Responded: c.requested.Add(max(0, rec.clock().Sub(c.requested))),
		Quota: c.quota, Keep: c.keep,
	}
	if !c.known {
		e.Quota, e.RequestBody, e.ResponseBody = stranger, apilog.Body{}, apilog.Body{}
	}
	if e.Outcome == "" {
		e.Outcome = apilog.Success
		if status >= http.StatusBadRequest {
			e.Outcome = apilog.Failure
		}
	}
	return e
}
