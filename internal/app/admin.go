package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// check is one line of /readyz. A vital one that fails makes the process not
// ready (503); another one is only reported: with the mail server down codes
// wait in the queue and draws go on.
type check struct {
	name  string
	vital bool
	probe func(context.Context) error
}

type readiness struct {
	Status string            `json:"status"` // ok, degraded, unavailable
	Checks map[string]string `json:"checks"`
}

// checker answers /readyz from probes that run at most once a second, however
// often it is asked.
type checker struct {
	checks []check
	clock  func() time.Time

	mu     sync.Mutex
	last   readiness
	probed time.Time
}

const (
	probeTimeout = 2 * time.Second
	probeEvery   = time.Second
)

func (c *checker) state(ctx context.Context) readiness {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock().Sub(c.probed) < probeEvery {
		return c.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	results := make([]error, len(c.checks))
	var wg sync.WaitGroup
	for i, one := range c.checks {
		wg.Go(func() { results[i] = one.probe(ctx) })
	}
	wg.Wait()
	c.last, c.probed = c.judge(results), c.clock()
	return c.last
}

func (c *checker) judge(results []error) readiness {
	r := readiness{Status: "ok", Checks: make(map[string]string, len(results))}
	for i, err := range results {
		if err == nil {
			r.Checks[c.checks[i].name] = "ok"
			continue
		}
		r.Checks[c.checks[i].name] = err.Error()
		if c.checks[i].vital {
			r.Status = "unavailable"
		} else if r.Status == "ok" {
			r.Status = "degraded"
		}
	}
	return r
}

func adminHandler(reg *prometheus.Registry, c *checker) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Timeout: 10 * time.Second, MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		state := c.state(r.Context())
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

// serveHTTP runs a server with bounds on size and time until ctx ends, then lets
// requests finish.
func serveHTTP(logger *slog.Logger, l net.Listener, h http.Handler, grace time.Duration) func(context.Context) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 75 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return func(ctx context.Context) error {
		errs := make(chan error, 1)
		go func() { errs <- server.Serve(l) }()
		select {
		case err := <-errs:
			return err
		case <-ctx.Done():
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(ending); err != nil {
			server.Close() //nolint:errcheck // what did not end in time is cut
		}
		if err := <-errs; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
