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
	Record(ctx context.Context, e apilog.Entry) // returns when committed, or after a bounded wait
	Skip()                                      // counts a call that was left out
}

// floodRows is how many failed calls without a key are stored per second, of a type
// and status.
const floodRows = 10

// flood is what failed without a key: of each type and status some are stored, and
// stand for the others.
type flood struct {
	requestType apilog.RequestType
	status      int
}

func floodSamplers() map[flood]*apilog.Sampler {
	samplers := map[flood]*apilog.Sampler{}
	for _, requestType := range []apilog.RequestType{apilog.OTP, apilog.Login, apilog.Transaction, apilog.Report, apilog.Admin} {
		for _, status := range []int{
			http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
		} {
			samplers[flood{requestType, status}] = &apilog.Sampler{PerSecond: floodRows}
		}
	}
	return samplers
}

// logCalls writes the row of every call of an operation with a request type, and
// holds the answer back until that row is committed. The answer is buffered, so
// the row holds what is sent.
func logCalls(log apiLog, clock func() time.Time, next http.Handler) http.Handler {
	samplers := floodSamplers()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &bufferedResponse{ResponseWriter: w, status: http.StatusOK}
		rec := &recorder{req: requestContextOf(r.Context()), clock: clock, request: r, base: w.Header()}
		inner := r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec))
		inner.Body = tee{r.Body, &rec.body}
		rec.stream = func() { //nolint:contextcheck // it is the request's
			log.Record(r.Context(), rec.answered(out))
			rec.MarkWritten()
			out.pass()
		}
		next.ServeHTTP(out, inner)
		c := rec.req
		sampler, flooding := samplers[flood{c.requestType, out.status}]
		standsFor := 1
		if flooding && !c.keyed {
			standsFor = sampler.Take(clock())
		}
		switch {
		case c.requestType == "" || rec.written.Load():
		case standsFor == 0:
			log.Skip()
		default:
			e := rec.answered(out)
			e.StandsFor = standsFor
			log.Record(r.Context(), e)
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

// tee keeps what the handler reads of a request's body.
type tee struct {
	io.ReadCloser
	kept *bytes.Buffer
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.kept.Write(p[:n])
	return n, err
}

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
	stream  func() // see beginStream; nil outside of a request

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
