package app

import (
	"context"
	"errors"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// CheckLogin refuses a login that the server will never let in. A server that does
// not answer is none: the database may start after its clients.
func CheckLogin(ctx context.Context, pool *postgres.Pool, variable string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if refused, ok := errors.AsType[*postgres.RefusedError](pool.CheckLogin(ctx)); ok {
		return &config.Error{Variable: variable, Problem: "is refused by the server: " + refused.Reason, Hint: refused.Mend}
	}
	return nil
}

// CheckSchema refuses a schema that a build between two releases made. One that
// cannot be read is none: the database may start, or be migrated, after its clients.
func CheckSchema(ctx context.Context, pool *postgres.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := pool.RefuseUnreleased(ctx)
	if _, unreleased := errors.AsType[*postgres.UnreleasedError](err); unreleased {
		return err
	}
	return nil
}

// openPool opens a pool that closes in its turn; its name is a label of metrics.
func (a *App) openPool(ctx context.Context, name string, o postgres.Options) (*postgres.Pool, error) {
	o.URL, o.Pooled, o.Spans = a.cfg.URL, a.cfg.Pooled(), a.tracing.Tracer()
	pool, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_DATABASE_URL", Problem: "cannot be used: " + err.Error(), Hint: config.HintDatabaseURL}
	}
	a.pools.add(name, pool)
	a.lifecycle.onStop(o.ApplicationName+" connections", pool.Close)
	return pool, nil
}

// CheckSeals refuses a key ring without a key that seals a seed of draws: these could be
// neither drawn nor proven any more. A database that does not answer is none.
func CheckSeals(ctx context.Context, pool *postgres.Pool, ring *secret.Ring) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := transaction.NewSeals(postgres.NewTransactions(pool), ring).Check(ctx)
	if missing, ok := errors.AsType[*transaction.MissingKeyError](err); ok {
		return &config.Error{
			Variable: "SESPAN_SECRET_KEYS", Problem: missing.Error(),
			Hint: "put it back behind the others until sespan secret-keys says that it may go; lost: docs/runbooks/Keys.md",
		}
	}
	return nil // a database that is not there yet is no fault of the keys
}
