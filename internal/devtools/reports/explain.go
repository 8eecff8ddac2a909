package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/devtools/testbed"
	"sespan/internal/httpapi"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// explainer makes calls in this process and explains the statements that they make.
type explainer struct {
	env     *testbed.Env
	pool    *postgres.Pool
	handler http.Handler
	bearer  string

	mu         sync.Mutex
	statements []statement // of the present call
}

type statement struct {
	sql  string
	args []any
}

func newExplainer(ctx context.Context, e *testbed.Env, bearer string) (*explainer, error) {
	x := &explainer{env: e, bearer: bearer}
	var err error
	if x.pool, err = e.TracedPool(ctx, 2, x); err != nil {
		return nil, err
	}
	keys, err := e.Pool(ctx, 1) // its statements are not the calls'
	if err != nil {
		return nil, err
	}
	ring, err := secret.Parse(secret.Generate("reports"))
	if err != nil {
		return nil, err
	}
	records := postgres.NewRecords(x.pool)
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	x.handler = httpapi.New(httpapi.Deps{ //nolint:contextcheck // each request has its own
		Logger: logger, Registerer: prometheus.NewRegistry(), Clock: time.Now, Timeout: time.Minute, Minor: 2,
		Keys: access.NewAuthenticator(postgres.NewKeys(keys), time.Now, logger), Log: noLog{}, Audit: noAudit{},
		Records: transaction.NewRecords(records), Exports: transaction.NewExports(records), Counts: postgres.NewStats(x.pool),
		LogSearch: apilog.NewSearch(postgres.NewAPILogSearch(x.pool), time.Now), Ring: ring,
	})
	return x, nil
}

func (x *explainer) close() { x.pool.Close() }

// TraceQueryStart keeps a statement.
func (x *explainer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := statement{sql: data.SQL}
	for _, arg := range data.Args {
		if _, mode := arg.(pgx.QueryExecMode); !mode {
			s.args = append(s.args, arg)
		}
	}
	x.statements = append(x.statements, s)
	return ctx
}

// TraceQueryEnd has nothing to do.
func (x *explainer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// cost is what the statements of a call cost the database.
type cost struct {
	buffers            int64 // blocks of 8 KiB that they read, from memory or disk
	planning, executed time.Duration
}

// cost explains the statements of a call.
func (x *explainer) cost(ctx context.Context, path string) (cost, error) {
	x.statements = nil
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	req.Header.Set("Authorization", x.bearer)
	answer := httptest.NewRecorder()
	x.handler.ServeHTTP(answer, req)
	if answer.Code != http.StatusOK {
		return cost{}, fmt.Errorf("GET %s answered %d: %s", path, answer.Code, answer.Body)
	}
	var sum cost
	for _, s := range x.statements {
		if !strings.Contains(s.sql, "-- name:") {
			continue // begin, commit
		}
		n, err := x.explain(ctx, s)
		if err != nil {
			return cost{}, fmt.Errorf("%s: %w", s.sql, err)
		}
		sum.buffers += n.buffers
		sum.planning += n.planning
		sum.executed += n.executed
	}
	return sum, nil
}

func (x *explainer) explain(ctx context.Context, s statement) (cost, error) {
	var raw []byte
	if err := x.env.Admin.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+s.sql, s.args...).Scan(&raw); err != nil {
		return cost{}, err
	}
	var plans []struct {
		Plan struct {
			Hit  int64 `json:"Shared Hit Blocks"`
			Read int64 `json:"Shared Read Blocks"`
		}
		Planning  float64 `json:"Planning Time"` // ms
		Execution float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(raw, &plans); err != nil || len(plans) != 1 {
		return cost{}, fmt.Errorf("not a plan: %w", err)
	}
	p := plans[0]
	return cost{p.Plan.Hit + p.Plan.Read, milliseconds(p.Planning), milliseconds(p.Execution)}, nil
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// noLog and noAudit keep nothing: the calls in this process are not those of a caller.
type (
	noLog   struct{}
	noAudit struct{}
)

func (noLog) Record(context.Context, apilog.Entry)             {}
func (noLog) Admit(e apilog.Entry) (apilog.Entry, bool)        { return e, true }
func (noAudit) Enter(context.Context, access.AuditEntry) error { return nil }
