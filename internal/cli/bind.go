package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// CustomerTable is the site's user table to bind.
type CustomerTable struct {
	Table   string   `placeholder:"TABLE" help:"The site's user table, with its schema; without it the one that is bound or was before, else public.auth_user."`
	Columns []string `name:"column" sep:"none" placeholder:"NAME=COLUMN" help:"Bind a column by another name, such as phone_number=phone, or one of a related table: phone_number=public.profile.phone@user_id."`
	Watch   bool     `help:"Make a trigger on the table that sees whom plain SQL activates, so that a later ban holds. It stays until unbind."`
}

// Bind is the command bind-customers.
type Bind struct {
	CustomerTable
	config.Database
	Roles
	Replace bool `help:"Let another table than the bound one become the customers. Says what goes: the codes of the former."`
}

// Run binds the table.
func (b *Bind) Run(ctx context.Context, e *Env) error {
	if err := b.Resolve(); err != nil {
		return err
	}
	wrong, err := b.bind(ctx, e, b.Direct, b.RolePrefix, b.Replace)
	if err == nil && wrong != "" {
		err = fmt.Errorf("bound, but customers cannot be served: %s", wrong)
	}
	return err
}

// bind binds and reports: what is bound to what, and what the owner of the
// table still has to run (on standard output, so that it can be piped to psql). wrong
// is what of the site stands in the way of serving them.
func (t *CustomerTable) bind(ctx context.Context, e *Env, url, prefix string, replace bool) (wrong string, err error) {
	columns, err := postgres.ParseColumns(t.Columns)
	if err != nil {
		return "", err
	}
	r, err := postgres.BindCustomers(ctx, url, postgres.Binding{Table: t.Table, Columns: columns, RolePrefix: prefix, Replace: replace, Watch: t.Watch, Progress: e.progress})
	if err != nil {
		return "", err
	}
	if r.Unchanged {
		e.progress("customers: " + r.Table + " was bound already; nothing changed")
	} else {
		e.progress("customers: " + r.Table + " is bound")
	}
	for _, ours := range slices.Sorted(maps.Keys(r.Columns)) {
		theirs := r.Columns[ours]
		if theirs == "" {
			theirs = "(none: reads as NULL)"
		}
		e.progress(fmt.Sprintf("  %-12s %s", ours, theirs))
	}
	for _, advice := range r.Advice {
		e.progress("advice: " + advice)
	}
	if len(r.Pending) > 0 {
		e.progress("the owner of " + r.Table + " still has to run, on standard output:")
	}
	for _, statement := range r.Pending {
		fmt.Fprintln(e.Out, statement+";")
	}
	switch {
	case r.Wrong != "":
		e.progress("WRONG: " + r.Wrong)
	case r.Tried != "" && r.Tried != "none":
		e.progress(r.Tried + " was read and activated, and that was undone: the site's triggers, rules and policies let it pass")
	}
	return r.Wrong, nil
}
