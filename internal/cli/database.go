package cli

import (
	"context"
	"time"

	"sespan/internal/app"
	"sespan/internal/config"
	"sespan/internal/postgres"
)

// lockTimeout of what a person does to rows that the service works on.
const lockTimeout = 5 * time.Second

// withDatabase opens the database for one command, with the login of whoever runs it and
// past a pooler, and closes it afterwards. A schema that this program was not made for is
// refused.
func withDatabase(ctx context.Context, d *config.Database, o postgres.Options, do func(*postgres.Pool) error) error {
	pool, err := openDatabase(ctx, &d.PastPooler, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(pool)
}

func openDatabase(ctx context.Context, d *config.PastPooler, o postgres.Options) (*postgres.Pool, error) {
	o.URL, o.MaxConns = d.Direct, 1
	pool, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, &config.Error{Variable: d.DirectVariable(), Problem: "cannot be used: " + err.Error(), Hint: config.HintDatabaseURL}
	}
	if err = app.CheckLogin(ctx, pool, d.DirectVariable()); err == nil {
		err = app.CheckSchema(ctx, pool)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}
