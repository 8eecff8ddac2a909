package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devdb"
	"sespan/internal/postgres"
)

type options struct {
	out     io.Writer
	dir     string
	version string
	profile string
	rounds  int
	length  time.Duration
}

// env is a fresh server with a migrated database and 1,000 customers.
type env struct {
	options
	dir    string
	server *devdb.Server
	url    string
	admin  *pgxpool.Pool
}

//go:embed site.sql
var siteSQL string

func newEnv(ctx context.Context, o options) (*env, error) {
	dir, err := os.MkdirTemp(o.dir, "sespan-bench-")
	if err != nil {
		return nil, err
	}
	e := &env{options: o, dir: dir}
	if err := e.start(ctx); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *env) start(ctx context.Context) error {
	var err error
	d := devdb.Options{Version: e.version, Dir: e.dir, Parameters: map[string]string{"max_connections": "100"}}
	if e.server, err = devdb.Start(ctx, d); err != nil {
		return err
	}
	e.url = e.server.URL("postgres")
	if _, err := postgres.Migrate(ctx, e.url, postgres.MigrateOptions{}); err != nil {
		return err
	}
	if e.admin, err = pgxpool.New(ctx, e.url); err != nil {
		return err
	}
	if _, err := e.admin.Exec(ctx, siteSQL); err != nil {
		return err
	}
	if _, err := postgres.BindCustomers(ctx, e.url, postgres.Binding{Table: "public.auth_user"}); err != nil {
		return err
	}
	var version, commit string
	err = e.admin.QueryRow(ctx, "SELECT current_setting('server_version'), current_setting('synchronous_commit')||', fsync '||current_setting('fsync')").Scan(&version, &commit)
	e.printf("PostgreSQL %s in %s, synchronous_commit %s\n", version, filepath.Dir(e.dir), commit)
	return err
}

func (e *env) close() {
	if e.admin != nil {
		e.admin.Close()
	}
	if e.server != nil {
		e.server.Stop() //nolint:errcheck // the data goes away with it
	}
	os.RemoveAll(e.dir) //nolint:errcheck // a folder left in /tmp is no failure of the measurement
}

// pool opens a pool that the suite closes.
func (e *env) pool(ctx context.Context, conns int32) (*postgres.Pool, error) {
	return postgres.Open(ctx, postgres.Options{URL: e.url, MaxConns: conns, ApplicationName: "bench"})
}

// alternate runs each side e.rounds times, in turns after a warm-up round, and
// gives the medians in the order of the sides.
func (e *env) alternate(ctx context.Context, sides ...side) ([]float64, error) {
	samples, spent := make([][]float64, len(sides)), make([]string, len(sides))
	for round := range e.rounds + 1 {
		for i, s := range sides {
			before, start := e.cpu(), time.Now()
			rate, err := s.run(ctx)
			spent[i] = e.cpu().per(before, rate*time.Since(start).Seconds())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 {
				samples[i] = append(samples[i], rate)
			}
		}
	}
	medians := make([]float64, len(sides))
	for i, s := range sides {
		medians[i] = median(samples[i])
		e.printf("%-44s %8.0f/s  %s per operation  (%s)\n", s.name, medians[i], spent[i], rates(samples[i]))
	}
	return medians, nil
}

func (e *env) printf(format string, args ...any) { _, _ = fmt.Fprintf(e.out, format, args...) }

// side is one thing that is measured: run gives operations per second.
type side struct {
	name string
	run  func(ctx context.Context) (float64, error)
}

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func rates(samples []float64) string {
	var b strings.Builder
	for i, r := range samples {
		if i > 0 {
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "%.0f", r)
	}
	return b.String()
}
