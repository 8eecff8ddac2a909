package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
	sespansql "sespan/sql"
)

// BindResult tells what a binding is made of and what is left to do.
type BindResult struct {
	Table     string            // quoted where necessary: public.auth_user
	Columns   map[string]string // our names → the site's; "" reads as NULL
	Unchanged bool              // everything was so already
	Granted   []string          // statements that were run
	Pending   []string          // statements that the owner of the table has to run
	Reference string            // foreign key of the codes: valid, added (not validated), pending or none
	Advice    []string          // sentences for a person
	Tried     string            // what the trial of reading and activating took: "customer 7", none, or "" where there was no trial
	Wrong     string            // what of the site stands in the way of it, "" for nothing
	roles     bool              // the database roles exist
}

// BindCustomers puts the site's table behind the customer functions. A second
// run with the same table changes nothing and locks nothing. Its error is one
// line for a person.
func BindCustomers(ctx context.Context, url string, b Binding) (BindResult, error) {
	var r BindResult
	if err := checkNames(b.Columns); err != nil {
		return r, fmt.Errorf("bind-customers: %w", err)
	}
	if _, err := RolesSQL(b.RolePrefix); err != nil {
		return r, fmt.Errorf("bind-customers: %w", err)
	}
	err := withSchemaLock(ctx, url, b.Progress, func(s *schemaSession) error {
		if err := refuseUnreleased(ctx, s.q, s.conn, sespansql.Migrations()); err != nil {
			return err
		}
		before, err := s.bound(ctx, &b)
		if err != nil {
			return err
		}
		t, err := s.resolve(ctx, b, before)
		if err != nil {
			return err
		}
		r.Table, r.Columns = t.qualified, t.describe()
		return s.bind(ctx, b, before, t, &r)
	})
	if err != nil {
		return r, fmt.Errorf("bind-customers: %w", err)
	}
	return r, nil
}

func (s *schemaSession) bind(ctx context.Context, b Binding, before boundTable, t customerTable, r *BindResult) error {
	columns, err := json.Marshal(t.sources)
	if err != nil {
		return err
	}
	if err := s.actAsOwner(ctx); err != nil {
		return err
	}
	changed, err := s.rebind(ctx, b, before, t, columns)
	if err != nil {
		return err
	}
	if err := s.actAsLogin(ctx); err != nil {
		return err
	}
	if err := s.grantCustomers(ctx, b, t, columns, r); err != nil {
		return err
	}
	added, err := s.reference(ctx, t, r)
	if err != nil {
		return err
	}
	if err := s.revokeFormer(ctx, b, before, t, r); err != nil {
		return err
	}
	handed, err := s.handOver(ctx, t, r)
	if err != nil {
		return err
	}
	if err := s.watch(ctx, b.Watch, r); err != nil {
		return err
	}
	r.Unchanged = !changed && !added && !handed && len(r.Granted) == 0
	if err := s.advise(ctx, t, r); err != nil {
		return err
	}
	return s.tryBinding(ctx, cmp.Or(b.RolePrefix, DefaultRolePrefix)+"service", r)
}

// grantCustomers runs the GRANTs that are missing and keeps those that this
// login may not run for the table's owner.
func (s *schemaSession) grantCustomers(ctx context.Context, b Binding, t customerTable, columns []byte, r *BindResult) error {
	prefix := cmp.Or(b.RolePrefix, DefaultRolePrefix) // by now as the schema remembers it
	p := &dbsqlc.CustomerGrantsParams{Relation: t.relation, Columns: columns, Service: prefix + "service", Owner: prefix + "owner"}
	if found, err := s.q.SchemaHasRoles(ctx, s.conn, p.Service, p.Owner); err != nil {
		return err
	} else if !found {
		r.Advice = append(r.Advice, fmt.Sprintf("The roles %s… do not exist: run sespan migrate up, then bind-customers again for the grants.", prefix))
		return nil
	}
	r.roles = true
	missing, err := s.q.CustomerGrants(ctx, s.conn, p)
	if err != nil {
		return err
	}
	for _, statement := range missing {
		if _, err := s.conn.Exec(ctx, statement); err != nil && !isState(err, stateInsufficientPrivilege) {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	// Looked at again: a GRANT without the right to grant may be a mere warning.
	if r.Pending, err = s.q.CustomerGrants(ctx, s.conn, p); err != nil {
		return err
	}
	for _, statement := range missing {
		if !slices.Contains(r.Pending, statement) {
			r.Granted = append(r.Granted, statement)
		}
	}
	return nil
}

// reference adds the foreign key of the codes and validates it; true if it was
// not there before.
func (s *schemaSession) reference(ctx context.Context, t customerTable, r *BindResult) (added bool, err error) {
	if err := s.actAsOwner(ctx); err != nil {
		return false, err
	}
	err = s.retry(ctx, "the foreign key", func() error {
		r.Reference, err = s.q.CustomerReference(ctx, s.conn, t.relation, t.key())
		return err
	})
	if isState(err, stateInsufficientPrivilege) {
		r.Reference = "pending"
		r.Advice = append(r.Advice, "Codes have no foreign keys to the customers yet: run bind-customers again when the grants are there.")
		return false, s.actAsLogin(ctx)
	}
	if err != nil {
		return false, err
	}
	if err := s.actAsLogin(ctx); err != nil || r.Reference != "added" {
		return false, err
	}
	return true, s.validateReference(ctx, r)
}

func (s *schemaSession) validateReference(ctx context.Context, r *BindResult) error {
	return s.retry(ctx, "the foreign key's check", func() error {
		orphans, err := s.q.CustomerReferenceValidate(ctx, s.conn)
		if err != nil {
			return err
		}
		r.Reference = "valid"
		if orphans > 0 {
			r.Advice = append(r.Advice, fmt.Sprintf("%d row(s) of customers that no longer exist were deleted (codes and rights to activate).", orphans))
		}
		return nil
	})
}

func (s *schemaSession) advise(ctx context.Context, t customerTable, r *BindResult) error {
	email := t.sources["email"]
	if email.Table == "" {
		at, err := s.q.CustomerEmailIndexed(ctx, s.conn, t.relation, email.Column)
		if err != nil {
			return err
		}
		if !at.Indexed {
			whose := "(Django's iexact neither)"
			if !at.Plain {
				whose = "in the locale of this database, which does not pair i with I"
			}
			r.Advice = append(r.Advice, fmt.Sprintf("No index serves look-ups by e-mail %s: CREATE INDEX CONCURRENTLY ON %s (%s); sespan doctor tells whether it can be UNIQUE",
				whose, t.qualified, foldedColumn(pgx.Identifier{email.Column}.Sanitize(), at.Plain)))
		}
	}
	heirs, err := s.q.CustomerHeirs(ctx, s.conn, t.relation)
	if err != nil {
		return err
	}
	if heirs != "" {
		r.Advice = append(r.Advice, fmt.Sprintf("Customers whose row is in %s, which inherits from %s, get no codes: a foreign key does not find them. Move them into %[2]s.", heirs, t.qualified))
	}
	if _, ok := t.sources["is_active"]; !ok {
		r.Advice = append(r.Advice, "No is_active column: registrations are verified, but nothing is activated.")
	}
	return nil
}

// UnbindCustomers drops the watch and the foreign key of the codes, and puts the
// placeholders back; true if a table was bound. The site may then flush, replace or drop its
// table; until the next BindCustomers no customer is served.
func UnbindCustomers(ctx context.Context, url string, progress func(line string)) (bool, error) {
	var was bool
	err := withSchemaLock(ctx, url, progress, func(s *schemaSession) error {
		if err := s.actAsOwner(ctx); err != nil {
			return err
		}
		return s.retry(ctx, "unbind", func() (err error) {
			if _, err := s.q.OTPWatchDrop(ctx, s.conn); err != nil {
				return err
			}
			was, err = s.q.CustomerUnbind(ctx, s.conn)
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("unbind: %w", err)
	}
	return was, nil
}
