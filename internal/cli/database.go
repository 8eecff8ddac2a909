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

// withDatabase opens the database for one command, with the login of whoever runs it, and
// closes it afterwards. A schema that this program was not made for is refused.
func withDatabase(ctx context.Context, o postgres.Options, do func(*postgres.Pool) error) error {
	o.MaxConns = 1
	pool, err := postgres.Open(ctx, o)
	if err != nil {
		return &config.Error{Variable: "SESPAN_DATABASE_URL", Problem: "cannot be used: " + err.Error(), Hint: config.HintDatabaseURL}
	}
	defer pool.Close()
	if err := app.CheckLogin(ctx, pool); err != nil {
		return err
	}
	if err := app.CheckSchema(ctx, pool); err != nil {
		return err
	}
	return do(pool)
}
