package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// startAdmin opens the port of the operator: metrics, liveness, readiness.
func (a *App) startAdmin(ctx context.Context) error {
	l, err := listen(ctx, "SESPAN_ADMIN_ADDR", a.cfg.AdminAddr)
	if err != nil {
		return err
	}
	a.adminAddr = l.Addr().String()
	checker := &readinessChecker{checks: a.checks, clock: time.Now}
	a.lifecycle.start("admin port", serveHTTP(a.logger, l, adminHandler(a.registry, a.readiness(checker)), 2*time.Second))
	return nil
}

func adminHandler(reg *prometheus.Registry, ready func(context.Context) readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, Timeout: 10 * time.Second, MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET "+Livez, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET "+Readyz, func(w http.ResponseWriter, r *http.Request) {
		state := ready(r.Context())
		status := http.StatusOK
		if state.Status == "unavailable" {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "2")
		}
		writeJSON(w, status, state)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the caller has gone
}
