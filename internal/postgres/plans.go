package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/postgres/dbsqlc"
)

// A plan that PostgreSQL caches while the mail queue is empty is ruinous once it is
// full: it would read all of it, for every batch. So the mail pool takes generic
// plans by indexes (Options.GenericPlans), and where a pooler does not let it set
// that, each call of a statement is planned for itself.

func setGenericPlans(settings map[string]string) {
	settings["plan_cache_mode"], settings["enable_seqscan"] = "force_generic_plan", "off"
	settings["jit"] = "off" // a table that must be read as a whole looks expensive now, and would be compiled for
}

func (p *Pool) genericPlans() bool {
	return p.Config().ConnConfig.RuntimeParams["plan_cache_mode"] != ""
}

// customPlans runs statements without a cached plan.
type customPlans struct{ db dbsqlc.DBTX }

func (p customPlans) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return p.db.Exec(ctx, sql, unprepared(args)...)
}

func (p customPlans) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.db.Query(ctx, sql, unprepared(args)...)
}

func (p customPlans) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.db.QueryRow(ctx, sql, unprepared(args)...)
}

func unprepared(args []any) []any { return append([]any{pgx.QueryExecModeCacheDescribe}, args...) }
