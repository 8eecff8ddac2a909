package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

const mendDatabaseURL = "write it as postgres://USER:PASSWORD@host:5432/database"

const stopGrace = 25 * time.Second

// server is one `sespan serve`: what its parts share.
type server struct {
	cfg       *config.Serve
	version   string
	logger    *slog.Logger
	registry  *prometheus.Registry
	lifecycle *lifecycle
	checks    []check
	pool      *postgres.Pool // of requests and maintenance
}

func (e *env) serve(ctx context.Context) error {
	cfg := &e.cli.Serve
	if err := cfg.Resolve(); err != nil {
		return err
	}
	s := &server{
		cfg: cfg, version: e.Version, logger: e.logger, registry: newRegistry(e.Version),
		lifecycle: newLifecycle(e.logger, stopGrace),
	}
	// Requests and mails leave much garbage and little that lives on: a quarter of
	// the collections, for some tens of megabytes.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if err := s.assemble(ctx); err != nil {
		s.lifecycle.stop()
		return err
	}
	s.logger.Info("ready", "http", s.cfg.HTTPAddr, "admin", s.cfg.AdminAddr, "run", s.cfg.Run, "version", s.version)
	return s.lifecycle.wait(ctx)
}

func newRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sespan_build_info", Help: "1, labelled with the version."}, []string{"version", "go"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return r
}

// assemble starts the parts, each after what it stands on: the stop goes the
// other way round.
func (s *server) assemble(ctx context.Context) error {
	pool, err := s.openPool(ctx, postgres.Options{ApplicationName: "sespan", MaxConns: s.cfg.Connections})
	if err != nil {
		return err
	}
	s.pool = pool
	if err := admitted(ctx, s.pool); err != nil {
		return err
	}
	s.check("database", true, s.databaseReady)
	for _, part := range []struct {
		name  string
		start func(context.Context) error
	}{{"maintenance", s.startMaintenance}, {"mail", s.startMail}, {"api", s.startAPI}} {
		if !s.cfg.Runs(part.name) {
			continue
		}
		if err := part.start(ctx); err != nil {
			return err
		}
	}
	return s.startAdmin(ctx)
}

// admitted refuses a login that the server will never let in. A server that does
// not answer is none: the database may start after its clients.
func admitted(ctx context.Context, pool *postgres.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := pool.CheckLogin(ctx); err != nil {
		return &config.Error{Variable: "SESPAN_DATABASE_URL", Problem: "is refused by the server: " + err.Error(), Mend: "correct login, password and database in it"}
	}
	return nil
}

// openPool opens a pool that closes in its turn.
func (s *server) openPool(ctx context.Context, o postgres.Options) (*postgres.Pool, error) {
	o.URL, o.Pooled = s.cfg.URL, s.cfg.Pooled()
	pool, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_DATABASE_URL", Problem: "cannot be used: " + err.Error(), Mend: mendDatabaseURL}
	}
	s.lifecycle.onStop(o.ApplicationName+" connections", pool.Close)
	return pool, nil
}

func (s *server) check(name string, vital bool, probe func(context.Context) error) {
	s.checks = append(s.checks, check{name, vital, probe})
}

// databaseReady says whether the database answers and finds customers.
func (s *server) databaseReady(ctx context.Context) error {
	state, err := s.pool.BindingState(ctx)
	switch {
	case err != nil:
		return err
	case !state.OK():
		return fmt.Errorf("customer table %s: %s", state.State, state.Reason)
	}
	return nil
}

func (s *server) startAdmin(ctx context.Context) error {
	l, err := listen(ctx, "SESPAN_ADMIN_ADDR", s.cfg.AdminAddr)
	if err != nil {
		return err
	}
	checker := &checker{checks: s.checks, clock: time.Now}
	s.lifecycle.start("admin port", serveHTTP(s.logger, l, adminHandler(s.registry, checker), 2*time.Second))
	return nil
}

func listen(ctx context.Context, variable, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, &config.Error{Variable: variable, Problem: fmt.Sprintf("is %s, which cannot be listened on: %v", addr, err), Mend: "choose a free address"}
	}
	return l, nil
}
