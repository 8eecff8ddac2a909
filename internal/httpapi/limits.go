package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"sespan/internal/problem"
)

// refusedBody is how long the rest of a body that nobody reads may take to come, so that
// the connection can be kept; whoever sends it slower loses the connection.
const refusedBody = time.Second

// limit bounds one request's size and time; reading past the size is a 413.
func limit(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := bodyLimit(r.URL.Path)
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		limit := time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
		defer limit.Stop()
		requestContextOf(ctx).endLimit = func() { limit.Stop() }
		r = r.WithContext(ctx)
		body := &bodyWatcher{ReadCloser: http.MaxBytesReader(w, r.Body, most+1), req: requestContextOf(ctx)} // huma answers 413 at the limit itself
		r.Body = body
		if len(r.TransferEncoding) > 0 {
			// Beside chunks there may have been a Content-Length, which net/http has taken away: two
			// readers may see different ends, so nothing else is read from here (RFC 9112, 6.1).
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(&badBodyWriter{w, body.req}, r)
		if r.ContentLength != 0 && !body.ended {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBody)) //nolint:errcheck // a writer of a test has none
		}
	})
}

// bodyWatcher records that a body could not be read because of what was sent: broken
// chunks, or an end that comes too early.
type bodyWatcher struct {
	io.ReadCloser
	req   *requestContext
	ended bool // read to its end
}

func (b *bodyWatcher) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	if err == nil || b.ended {
		return n, err
	}
	var wait net.Error
	late := errors.As(err, &wait) && wait.Timeout()
	if _, large := errors.AsType[*http.MaxBytesError](err); !large && !late {
		b.req.badBody = true
	}
	return n, err
}

// badBodyWriter makes huma's 500 for such a body the 400 that it is.
type badBodyWriter struct {
	http.ResponseWriter
	req *requestContext
}

func (w *badBodyWriter) WriteHeader(status int) {
	if status == http.StatusInternalServerError && w.req.badBody {
		status = http.StatusBadRequest
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *badBodyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recovery answers a panic of a handler with a 500 problem and logs its stack.
func recovery(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // it is the request's
			v := recover()
			if v == nil {
				return
			}
			logger.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			writeProblem(w, r, problem.New(problem.Internal, "The failure has been logged under the response_id."))
		}()
		next.ServeHTTP(w, r)
	})
}
