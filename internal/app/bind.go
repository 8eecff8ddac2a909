package app

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

func (e *env) bind(ctx context.Context) error {
	b := e.cli.BindCustomers
	if err := b.Resolve(); err != nil {
		return err
	}
	return e.bindTarget(ctx, b.URL, b.Target, b.RolePrefix)
}

// bindTarget binds and reports: what is bound to what, and what the owner of the
// table still has to run (on standard output, so that it can be piped to psql).
func (e *env) bindTarget(ctx context.Context, url string, t config.Target, prefix string) error {
	columns, err := postgres.ParseColumns(t.Columns)
	if err != nil {
		return err
	}
	r, err := postgres.BindCustomers(ctx, url, postgres.Binding{Table: t.Table, Columns: columns, RolePrefix: prefix, Progress: e.say})
	if err != nil {
		return err
	}
	if r.Unchanged {
		e.say("customers: " + r.Table + " was bound already; nothing changed")
	} else {
		e.say("customers: " + r.Table + " is bound")
	}
	for _, ours := range slices.Sorted(maps.Keys(r.Columns)) {
		theirs := r.Columns[ours]
		if theirs == "" {
			theirs = "(none: reads as NULL)"
		}
		e.say(fmt.Sprintf("  %-12s %s", ours, theirs))
	}
	for _, advice := range r.Advice {
		e.say("advice: " + advice)
	}
	if len(r.Pending) > 0 {
		e.say("the owner of " + r.Table + " still has to run, on standard output:")
	}
	for _, statement := range r.Pending {
		fmt.Fprintln(e.Out, statement+";")
	}
	return nil
}

func (e *env) unbind(ctx context.Context) error {
	if err := e.cli.Unbind.Resolve(); err != nil {
		return err
	}
	was, err := postgres.UnbindCustomers(ctx, e.cli.Unbind.URL, e.say)
	switch {
	case err != nil:
		return err
	case was:
		e.say("the customer table is no longer bound; no code and no draw is served until bind-customers runs again")
	default:
		e.say("no customer table was bound")
	}
	return nil
}
