package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// boundTable is the table that is bound, or was before unbind; zero for none.
type boundTable struct {
	schema, table string
	sources       map[string]source
}

// bound reads it, and completes what the command line leaves out.
func (s *schemaSession) bound(ctx context.Context, b *Binding) (boundTable, error) {
	var before boundTable
	if err := s.actAsOwner(ctx); err != nil {
		return before, err
	}
	i, err := readInstallation(ctx, s.q, s.conn)
	if err != nil {
		return before, err
	}
	if i.RolePrefix != "" {
		if err := i.Refuse(b.RolePrefix, false); err != nil {
			return before, err
		}
		b.RolePrefix = i.RolePrefix
	}
	row, err := s.q.InstallationCustomers(ctx, s.conn)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		if b.Table == "" {
			b.Table = "public.auth_user"
		}
	case err != nil:
		return before, err
	default:
		before.schema, before.table = row.TableSchema, row.TableName
		if err := json.Unmarshal(row.Columns, &before.sources); err != nil {
			return before, err
		}
		if b.Table == "" {
			b.Table = pgx.Identifier{row.TableSchema, row.TableName}.Sanitize()
		}
	}
	return before, s.actAsLogin(ctx)
}

// kept is the source that a column has had, where the table is the same and still has it.
func (s *schemaSession) kept(ctx context.Context, before boundTable, site siteColumns, name string) (source, bool) {
	src, ok := before.sources[name]
	if !ok {
		return source{}, false
	}
	if src.Table != "" {
		found, qualified, err := s.findParts(ctx, src.Schema, src.Table)
		if err != nil {
			return source{}, false
		}
		if site, err = s.columnsOf(ctx, found, qualified); err != nil {
			return source{}, false
		}
		if _, err := site.find(src.On); err != nil {
			return source{}, false
		}
	}
	_, err := site.find(src.Column)
	return src, err == nil
}

// rebind binds the table. Where its rows are not the customers of before, whatever
// codes and rights there are belong to other people, and go in the same transaction.
func (s *schemaSession) rebind(ctx context.Context, b Binding, before boundTable, t customerTable, columns []byte) (changed bool, err error) {
	same, err := s.sameCustomers(ctx, before, t)
	if err != nil || same {
		if err == nil {
			changed, err = s.q.CustomerBind(ctx, s.conn, t.relation, columns)
		}
		return changed, err
	}
	left, err := s.q.CustomerLeft(ctx, s.conn)
	if err != nil {
		return false, err
	}
	former := pgx.Identifier{before.schema, before.table}.Sanitize()
	goes := fmt.Sprintf("%d code(s) and %d right(s) to activate of the former customers; transactions, draws and the API log keep their numbers, which are other people's in %s",
		left.Codes, left.Rights, t.qualified)
	if !b.Replace {
		return false, fmt.Errorf("the customers are those of %s (key %s), not of %s (key %s): give --replace when that is meant; what then goes: %s",
			former, before.sources["customer_id"].Column, t.qualified, t.key(), goes)
	}
	s.say("the customers of %s are replaced; deleted: %s", former, goes)
	err = pgx.BeginTxFunc(ctx, s.conn, readCommitted, func(tx pgx.Tx) error {
		if err := s.q.CustomerForgetCodes(ctx, tx); err != nil {
			return err
		}
		if err := s.q.CustomerForgetRights(ctx, tx); err != nil {
			return err
		}
		changed, err = s.q.CustomerBind(ctx, tx, t.relation, columns)
		return err
	})
	return changed, err
}

// sameCustomers tells whether a key still means the person that it meant: the table
// and its key are those of before, perhaps renamed since.
func (s *schemaSession) sameCustomers(ctx context.Context, before boundTable, t customerTable) (bool, error) {
	if before.table == "" || (before.schema == t.schema && before.table == t.table && before.sources["customer_id"].Column == t.key()) {
		return true, nil
	}
	return s.q.CustomerReferred(ctx, s.conn, t.relation, t.key())
}

// tablesOf are those that a binding reads, as schema.table.
func tablesOf(schema, table string, sources map[string]source) []string {
	tables := []string{schema + "." + table}
	for _, src := range sources {
		if src.Table != "" {
			tables = append(tables, src.Schema+"."+src.Table)
		}
	}
	return tables
}

// revokeFormer takes the rights on tables back that the binding no longer reads.
func (s *schemaSession) revokeFormer(ctx context.Context, b Binding, before boundTable, t customerTable, r *BindResult) error {
	if before.table == "" || !r.roles {
		return nil
	}
	used := tablesOf(t.schema, t.table, t.sources)
	former := slices.DeleteFunc(tablesOf(before.schema, before.table, before.sources), func(name string) bool { return slices.Contains(used, name) })
	ours := []string{b.RolePrefix + "service", b.RolePrefix + "owner"}
	statements, err := s.q.CustomerFormerGrants(ctx, s.conn, ours, former)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		switch _, err := s.conn.Exec(ctx, statement); {
		case isState(err, stateInsufficientPrivilege):
			r.Pending = append(r.Pending, statement)
		case err != nil:
			return err
		default:
			r.Granted = append(r.Granted, statement)
		}
	}
	return nil
}
