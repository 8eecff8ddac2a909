// Package app is the composition root of the service: New takes the settings, Run
// builds the parts, each after what it stands on, and stops them in reverse order.
//
//	pool ─▶ health ─▶ broker ─▶ maintenance ─▶ mail: relays, listener, worker ─▶ announcer ─▶ api: log, draws, codes, keys, public port ─▶ admin port
//	stop ◀────────────────────────────────────────────────────────────────────────────────────────────────────────
package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/postgres"
	"sespan/internal/systemd"
	"sespan/internal/tracing"
)

const stopGrace = 25 * time.Second

// Options of a service.
type Options struct {
	Settings   *config.Serve // resolved
	Logger     *slog.Logger
	Version    string
	Supervisor *systemd.Notifier // nil: none

	HealthEvery time.Duration // between two looks at the database [15 s]
}

// App is one `sespan serve`: what its parts share.
type App struct {
	cfg       *config.Serve
	version   string
	logger    *slog.Logger
	registry  *prometheus.Registry
	lifecycle *lifecycle
	checks    []check
	pools     *poolMetrics
	pool      *postgres.Pool // of requests and maintenance
	broker    mail.Broker    // nil: none

	installation uuid.UUID   // whose announcements the broker carries
	draining     atomic.Bool // see drain
	adminAddr    string      // as it listens

	healthEvery time.Duration
	supervisor  *systemd.Notifier
	tracing     *tracing.Tracing // nil: off
}

// New makes a service that is not running yet.
func New(o Options) *App {
	logger, registry := newLogger(o.Logger), newRegistry(o.Version)
	a := &App{
		cfg: o.Settings, version: o.Version, logger: logger, registry: registry, pools: newPoolMetrics(registry),
		lifecycle: newLifecycle(logger, stopGrace), supervisor: o.Supervisor, healthEvery: cmp.Or(o.HealthEvery, healthEvery),
	}
	a.lifecycle.drain = a.drain
	return a
}

// Run starts the parts and returns when ctx ends or a part fails, after everything
// has stopped.
func (a *App) Run(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		a.lifecycle.stop()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // it was to end while it still waited for something
		}
		return err
	}
	a.logger.Info("ready", "http", a.cfg.HTTPAddr, "admin", a.cfg.AdminAddr, "run", a.cfg.Parts, "version", a.version)
	return a.lifecycle.wait(ctx)
}

// start starts the parts, each after what it stands on: the stop goes the other way
// round.
func (a *App) start(ctx context.Context) error {
	if err := a.startTracing(ctx); err != nil {
		return err
	}
	pool, err := a.openPool(ctx, "api", postgres.Options{ApplicationName: "sespan", MaxConns: a.cfg.Connections})
	if err != nil {
		return err
	}
	a.pool = pool
	if err := CheckLogin(ctx, a.pool, "SESPAN_DATABASE_URL"); err != nil {
		return err
	}
	if err := CheckSchema(ctx, a.pool); err != nil {
		return err
	}
	if err := CheckSeals(ctx, a.pool, a.cfg.Ring); err != nil {
		return err
	}
	a.check("database", true, a.databaseReady)
	a.check("schema", true, a.schemaReady)
	a.check("counting", false, a.countingReady)
	a.check("partitions", false, a.partitionsReady)
	if err := a.startHealth(ctx); err != nil {
		return err
	}
	if err := a.startBroker(ctx); err != nil {
		return err
	}
	for _, part := range []struct {
		name  string
		start func(context.Context) error
	}{{"maintenance", a.startMaintenance}, {"mail", a.startMail}, {"announce", a.startAnnounce}, {"api", a.startAPI}} {
		if !a.cfg.Runs(part.name) {
			continue
		}
		if err := part.start(ctx); err != nil {
			return err
		}
	}
	a.startSiteBudget()
	if err := a.startAdmin(ctx); err != nil {
		return err
	}
	a.startSupervision(ctx)
	return nil
}

func newRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sespan_build_info", Help: "1, labelled with the version."}, []string{"version", "go"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return r
}
