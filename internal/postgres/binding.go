package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Binding says which table of the site holds its customers.
type Binding struct {
	// Table as in SQL: public.auth_user, "Weird Name", or unqualified. Empty means the
	// one that is bound or was before unbind, and public.auth_user for a new binding.
	Table string
	// Columns maps our names to the site's: "phone" of the table itself,
	// "public.profile.phone@user_id" of a table whose user_id is the customer,
	// or "" for none. What is missing stays as it is bound; in a new binding it is
	// looked for under Django's usual names.
	Columns map[string]string
	// Replace lets another table than the bound one become the customers.
	Replace bool
	// RolePrefix of the database roles; empty means as the schema remembers it. Another
	// one is refused.
	RolePrefix string
	// Watch makes a trigger on the table that sees activations by plain SQL. One that
	// is there stays without it.
	Watch bool
	// Progress is told what happens, a line at a time; may be nil.
	Progress func(line string)
}

// customerColumn is one of our columns of a customer.
type customerColumn struct {
	name  string
	kinds []string // of the site's column; nil: any
	usual []string // names to look for when none was given
}

func customerColumns() []customerColumn {
	return []customerColumn{
		{"customer_id", []string{"integer"}, nil}, // the primary key
		{"email", []string{"text"}, []string{"email", "email_address", "e_mail", "mail"}},
		{"phone_number", nil, []string{"phone_number", "phone", "phonenumber", "mobile_number", "mobile", "telephone"}},
		{"username", nil, []string{"username", "user_name", "login"}},
		{"is_active", []string{"boolean"}, []string{"is_active", "active"}},
		{"date_joined", []string{"time"}, []string{"date_joined", "created_at", "joined_at", "created", "created_on", "date_created"}},
		{"updated_at", []string{"time"}, []string{"updated_at", "modified_at", "updated", "modified", "updated_on", "last_modified"}},
	}
}

// ParseColumns reads the values of --column, each "name=source".
func ParseColumns(values []string) (map[string]string, error) {
	columns := make(map[string]string, len(values))
	for _, v := range values {
		name, source, found := strings.Cut(v, "=")
		name = strings.TrimSpace(name)
		if !found {
			return nil, fmt.Errorf("--column %q: write name=column, for example phone_number=phone", v)
		}
		if _, twice := columns[name]; twice {
			return nil, fmt.Errorf("--column %s is given twice", name)
		}
		columns[name] = strings.TrimSpace(source)
	}
	return columns, checkNames(columns)
}

func checkNames(columns map[string]string) error {
	var known []string
	for _, c := range customerColumns() {
		known = append(known, c.name)
	}
	for name := range columns {
		if !slices.Contains(known, name) {
			return fmt.Errorf("a customer has no column %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// source is where one of our columns comes from; it is stored as JSON in
// sespan.customer_binding.columns.
type source struct {
	Schema string `json:"schema,omitempty"` // of a related table
	Table  string `json:"table,omitempty"`
	Column string `json:"column"`
	On     string `json:"on,omitempty"` // its column that holds the customer's key
}

// parseSource reads "column" or "schema.table.column@on".
func parseSource(text string) (source, error) {
	parts, rest, err := splitIdentifiers(text)
	if err != nil {
		return source{}, err
	}
	if rest == "" && len(parts) == 1 {
		return source{Column: parts[0]}, nil
	}
	on, more, err := splitIdentifiers(strings.TrimPrefix(rest, "@"))
	if err != nil || !strings.HasPrefix(rest, "@") || more != "" || len(on) != 1 || len(parts) < 2 || len(parts) > 3 {
		return source{}, fmt.Errorf("%q is neither a column nor schema.table.column@key", text)
	}
	s := source{Column: parts[len(parts)-1], Table: parts[len(parts)-2], On: on[0]}
	if len(parts) == 3 {
		s.Schema = parts[0]
	}
	return s, nil
}

// BindingState tells whether the customers can be read and written.
type BindingState struct {
	// State is bound, unbound, stale (the site's table has changed) or refused
	// (this login lacks a right). Only bound serves.
	State string
	// Reason says why, for a person; also for a bound table that needs care.
	Reason string
}

// OK tells whether customers can be served.
func (b BindingState) OK() bool { return b.State == "bound" }

// BindingState looks at the catalogs as the pool's own login; it reads no customer.
func (p *Pool) BindingState(ctx context.Context) (BindingState, error) {
	text, err := p.queries.CustomerBindingState(ctx, p.Pool)
	if err != nil {
		return BindingState{}, mapError(err)
	}
	state, reason, _ := strings.Cut(text, ": ")
	return BindingState{State: state, Reason: reason}, nil
}
