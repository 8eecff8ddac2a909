package httpapi

import (
	"net/http"
	"time"

	"github.com/rs/cors"
)

const (
	drawPath      = "/v1/transactions" // the one call that browsers of another origin make
	preflightLife = 10 * time.Minute
)

// crossOrigin lets pages of the site's origins call the draw by Ajax. Tokens come
// in a header, so no credentials (cookies) are ever allowed.
func crossOrigin(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 { // the library would read an empty list as "everybody"
		return next
	}
	shared := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodPost},
		AllowedHeaders: []string{"Authorization", "Content-Type", "traceparent", "tracestate", "baggage", "sentry-trace"},
		ExposedHeaders: []string{"X-Response-Id", "Retry-After"},
		MaxAge:         int(preflightLife.Seconds()),
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == drawPath {
			shared.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
