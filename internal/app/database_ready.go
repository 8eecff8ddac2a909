package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sespan/internal/postgres"
)

// databaseReady says whether the database answers, takes writes and finds customers.
func (a *App) databaseReady(ctx context.Context) error {
	state, err := a.pool.BindingState(ctx)
	switch {
	case err != nil:
		return err
	case !state.OK():
		return fmt.Errorf("customer table %s: %s", state.State, state.Reason)
	}
	server, err := postgres.NewHealth(a.pool).Server(ctx, time.Now)
	if err == nil && server.ReadOnly {
		err = errors.New("the database takes no writes: it is a standby, or default_transaction_read_only is on")
	}
	return err
}

// schemaReady says whether the schema is as far as this program needs it. A newer one is
// right: it is migrated before the last of the older processes is replaced.
func (a *App) schemaReady(ctx context.Context) error {
	version, wanted, err := a.pool.SchemaVersion(ctx)
	if err == nil && version < wanted {
		err = fmt.Errorf("at version %d, this program needs %d; run: sespan migrate up", version, wanted)
	}
	return err
}

// countingReady says which trigger that counts is missing.
func (a *App) countingReady(ctx context.Context) error {
	broken, err := postgres.NewDoctor(a.pool).BrokenTriggers(ctx)
	var off []string
	for _, t := range broken {
		if t.Counts {
			off = append(off, t.Name+" of "+t.Table)
		}
	}
	if err != nil || len(off) == 0 {
		return err
	}
	return fmt.Errorf("disabled or gone: %s; what is written now is missing in all statistics. As the owner of the schema: ALTER TABLE … ENABLE TRIGGER …",
		strings.Join(off, ", "))
}

// partitionsReady says which table has no partition for what comes next.
func (a *App) partitionsReady(ctx context.Context) error {
	tables, err := postgres.NewHealth(a.pool).Partitions(ctx)
	if err != nil {
		return err
	}
	var short []string
	for _, t := range tables {
		if t.Ahead < 1 {
			short = append(short, t.Table)
		}
	}
	if len(short) == 0 {
		return nil
	}
	return fmt.Errorf("none made ahead for %s: is a process with --run maintenance alive? Its rows go to the default partition meanwhile", strings.Join(short, ", "))
}
