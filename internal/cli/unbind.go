package cli

import (
	"context"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Unbind is the command unbind.
type Unbind struct{ config.Database }

// Run unbinds the table.
func (u *Unbind) Run(ctx context.Context, e *Env) error {
	if err := u.Resolve(); err != nil {
		return err
	}
	was, err := postgres.UnbindCustomers(ctx, u.Direct, e.progress)
	switch {
	case err != nil:
		return err
	case was:
		e.progress("the customer table is no longer bound; no code and no draw is served until bind-customers runs again")
	default:
		e.progress("no customer table was bound")
	}
	return nil
}
