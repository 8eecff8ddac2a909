// Package postgres is the adapter to PostgreSQL, the only package that imports
// pgx. One exported method of a store is one transaction; the statements stand
// in queries/ and reach Go through sqlc.
package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/postgres/dbsqlc"
)

// The level of every transaction of ours, whatever the database has by default: under a
// stricter one a statement that waited for a lock would not see what its holder wrote.
// Through a pooler it is a setting of the login, as the timeouts are.
const (
	isolationSetting = "default_transaction_isolation"
	isolationLevel   = "read committed"
)

var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// Options of a pool; zero values mean the defaults in brackets.
type Options struct {
	URL              string
	MaxConns         int32           // [10]
	LockTimeout      time.Duration   // [500 ms] of every statement; longer waits become 503
	StatementTimeout time.Duration   // [5 s]
	ApplicationName  string          // [sespan]
	Pooled           bool            // behind a transaction pooler: no named prepared statements, and timeouts and isolation are the login's own
	Tracer           pgx.QueryTracer // sees each statement; nil: nobody does
	Spans            trace.Tracer    // gives the statements of traced requests spans, where Tracer is nil; nil: none
	GenericPlans     bool            // one generic plan per statement, by indexes: for tables that are empty now and huge in a minute
}

// Pool is a bounded set of connections, shared by the stores on it.
type Pool struct {
	*pgxpool.Pool
	queries *dbsqlc.Queries
	tracer  trace.Tracer // nil: no spans
}

// Open makes a pool; it does not wait for the server.
func Open(ctx context.Context, o Options) (*Pool, error) {
	c, err := poolConfig(o.URL)
	if err != nil {
		return nil, err
	}
	c.MaxConns = cmp.Or(o.MaxConns, 10)
	c.MinConns = 1
	c.MaxConnIdleTime = 5 * time.Minute
	c.ConnConfig.ConnectTimeout = 3 * time.Second
	c.ConnConfig.Tracer = o.Tracer
	if o.Tracer == nil && o.Spans != nil {
		c.ConnConfig.Tracer = querySpans{o.Spans}
	}
	if o.Pooled {
		// Unlike the mode "exec" it knows the types of parameters, so arrays of uuids work.
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	settings := c.ConnConfig.RuntimeParams
	settings["application_name"] = cmp.Or(o.ApplicationName, "sespan")
	settings["timezone"] = "UTC"
	if !o.Pooled {
		settings[isolationSetting] = isolationLevel
	}
	timeouts := map[string]time.Duration{
		"lock_timeout":                        cmp.Or(o.LockTimeout, 500*time.Millisecond),
		"statement_timeout":                   cmp.Or(o.StatementTimeout, 5*time.Second),
		"idle_in_transaction_session_timeout": 10 * time.Second,
	}
	for name, d := range timeouts {
		if !o.Pooled { // PgBouncer refuses a connection that asks for them
			settings[name] = fmt.Sprint(d.Milliseconds())
		}
	}
	if !o.Pooled {
		// A database may have another default. Under a stricter one SKIP LOCKED fails at a
		// row that changed since the snapshot, and who waited for a lock does not see what its holder wrote.
		settings["default_transaction_isolation"] = "read committed"
	}
	if o.GenericPlans && !o.Pooled {
		setGenericPlans(settings)
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Pool{Pool: pool, queries: dbsqlc.New(), tracer: o.Spans}, nil
}

// hideDSN drops the connection string, which may hold a password, from pgx's
// parse error and keeps the reason.
func hideDSN(err error) error {
	if pe, ok := parseConfigReason(err); ok {
		return pe
	}
	return err
}

// Ping answers nil when the server answers within the context.
func (p *Pool) Ping(ctx context.Context) error { return mapError(p.Pool.Ping(ctx)) }

// CheckLogin fails, with a *RefusedError, when the server refuses the URL's login, password,
// database or parameters. A server that does not answer has refused nothing.
func (p *Pool) CheckLogin(ctx context.Context) error {
	if refused := Refusal(p.Pool.Ping(ctx)); refused != nil {
		return refused
	}
	return nil
}
