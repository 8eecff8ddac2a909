package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/apilog"
)

// recorder makes the log row of one request. A handler whose transaction writes
// the row itself (a draw) takes it by recorderOf before that transaction, calls
// Entry inside it, and MarkWritten when it has committed; the middleware then
// does not log the call again.
type recorder struct {
	req     *requestContext
	clock   func() time.Time
	request *http.Request
	body    bytes.Buffer // what the handler has read so far
	base    http.Header  // the answer's header, still growing until prepare
	written atomic.Bool

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
	rec.sentHeader = apilog.RedactRequest(rec.request.Method, target, rec.request.Header)
	rec.sentBody = apilog.RedactBody(rec.body.Bytes())
	rec.base = rec.base.Clone()
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
	}
	if e.Outcome == "" {
		e.Outcome = apilog.Success
		if status >= http.StatusBadRequest {
			e.Outcome = apilog.Failure
		}
	}
	return e
}
