package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"sespan/internal/apilog"
)

// apiLog is the API log as the middleware needs it: apilog.Logger.
type apiLog interface {
	Record(ctx context.Context, e apilog.Entry) // returns when committed, or after a bounded wait
	Skip()                                      // counts a call that was left out
}

// floodRows is how many failed calls without a key are stored per second and status.
const floodRows = 10

// logCalls writes the row of every call of an operation with a request type, and
// holds the answer back until that row is committed. The answer is buffered, so
// the row holds what is sent.
func logCalls(log apiLog, clock func() time.Time, next http.Handler) http.Handler {
	flood := map[int]*apilog.Sampler{}
	for _, status := range []int{
		http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
	} {
		flood[status] = &apilog.Sampler{PerSecond: floodRows}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &bufferedResponse{ResponseWriter: w, status: http.StatusOK}
		rec := &recorder{req: requestContextOf(r.Context()), clock: clock, request: r, base: w.Header()}
		inner := r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec))
		inner.Body = tee{r.Body, &rec.body}
		next.ServeHTTP(out, inner)
		c := rec.req
		sampler, flooding := flood[out.status]
		switch {
		case c.requestType == "" || rec.written.Load():
		case flooding && !c.keyed && !sampler.Allow(clock()):
			log.Skip()
		default:
			log.Record(r.Context(), rec.answered(out))
		}
		out.send()
	})
}

// bufferedResponse keeps an answer until send.
type bufferedResponse struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader may come a second time, when a handler panicked half-way: nothing
// has gone out yet, so the later answer replaces the first.
func (a *bufferedResponse) WriteHeader(status int) {
	a.status = status
	a.body.Reset()
}

func (a *bufferedResponse) Write(p []byte) (int, error) { return a.body.Write(p) }

// Unwrap lets http.ResponseController reach the connection.
func (a *bufferedResponse) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *bufferedResponse) send() {
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
