package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"sespan/internal/problem"
)

// limit bounds one request's size and time; reading past the size is a 413.
func limit(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBodyBytes {
			writeProblem(w, r, problem.Newf(problem.TooLarge, "The body may have %d bytes.", maxBodyBytes))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes+1) // huma answers 413 at the limit itself
		next.ServeHTTP(w, r)
	})
}

// recovery answers a panic of a handler with a 500 problem and logs its stack.
func recovery(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // it is the request's
			v := recover()
			if v == nil {
				return
			}
			logger.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(v),
				"response_id", callOf(r.Context()).responseID.String(), "stack", string(debug.Stack()))
			writeProblem(w, r, problem.New(problem.Internal, "The failure has been logged under the response_id."))
		}()
		next.ServeHTTP(w, r)
	})
}
