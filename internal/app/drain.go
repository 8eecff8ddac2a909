package app

import (
	"context"
	"net/http"
	"time"

	"sespan/internal/systemd"
)

// drain begins the end of a process that has a public port. Until drained it answers as
// before, so that a proxy that learns at /readyz of the end has time to turn to another
// process, and each connection that is used ends with its answer: one that a proxy keeps
// could otherwise be closed under the next request, which nobody may repeat.
func (a *App) drain() (drained <-chan time.Time) {
	a.draining.Store(true)
	a.tell(context.Background(), systemd.Stopping, "stops")
	if !a.cfg.Runs("api") {
		return time.After(0)
	}
	return time.After(a.cfg.DrainTime)
}

// readiness says no from the beginning of the end.
func (a *App) readiness(c *readinessChecker) func(context.Context) readiness {
	return func(ctx context.Context) readiness {
		if a.draining.Load() {
			return readiness{Status: "unavailable", Checks: map[string]string{"process": "is stopping"}}
		}
		return c.state(ctx)
	}
}

// closeWhileDraining has the connection of each answer closed.
func (a *App) closeWhileDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
