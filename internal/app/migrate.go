package app

import (
	"context"
	"fmt"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// say is the progress of the set-up commands: one line each on standard error.
func (e *env) say(line string) { fmt.Fprintln(e.Err, line) }

func (e *env) migrateUp(ctx context.Context) error {
	m := e.cli.Migrate
	if err := m.Resolve(); err != nil {
		return err
	}
	r, err := postgres.Migrate(ctx, m.URL, postgres.MigrateOptions{
		RolePrefix: m.RolePrefix, NoRoles: m.NoRoles, Progress: e.say,
	})
	if err != nil {
		return err
	}
	if len(r.Applied) == 0 {
		e.say(fmt.Sprintf("the schema is up to date at version %d", r.To))
	}
	if r.RolesSQL != "" {
		e.say("no roles were made: a DBA has to run what follows on standard output")
		fmt.Fprintln(e.Out, r.RolesSQL)
	}
	return nil
}

func (e *env) migrateDown(ctx context.Context) error {
	m := e.cli.Migrate
	if err := m.Resolve(); err != nil {
		return err
	}
	if m.Down.Steps < 1 { // none would mean up
		return &config.Error{Variable: "--steps", Problem: "is out of its bounds", Mend: "take 1 or more migrations back"}
	}
	if !m.Down.Force {
		return &config.Error{Variable: "--force", Problem: "is missing", Mend: "taking migrations back drops tables with what they hold; add --force when that is meant"}
	}
	_, err := postgres.Migrate(ctx, m.URL, postgres.MigrateOptions{Down: m.Down.Steps, RolePrefix: m.RolePrefix, Progress: e.say})
	return err
}

func (e *env) migrateStatus(ctx context.Context) error {
	if err := e.cli.Migrate.Resolve(); err != nil {
		return err
	}
	s, err := postgres.Status(ctx, e.cli.Migrate.URL)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Out, "database at version %d, this program at version %d\n", s.Current, s.Latest)
	for _, name := range s.Pending {
		fmt.Fprintf(e.Out, "pending  %s\n", name)
	}
	return nil
}
