package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sespan/internal/postgres/dbsqlc"
)

// siteColumns are the columns of one table of the site.
type siteColumns struct {
	table   string
	columns []dbsqlc.CustomerTableColumnsRow
}

func (s *schemaSession) columnsOf(ctx context.Context, found dbsqlc.CustomerTableFindRow, qualified string) (siteColumns, error) {
	rows, err := s.q.CustomerTableColumns(ctx, s.conn, found.Relation)
	return siteColumns{table: qualified, columns: rows}, err
}

func (c siteColumns) find(name string) (dbsqlc.CustomerTableColumnsRow, error) {
	i := slices.IndexFunc(c.columns, func(r dbsqlc.CustomerTableColumnsRow) bool { return r.Name == name })
	if i < 0 {
		var names []string
		for _, r := range c.columns {
			if !isSecret(r.Name) {
				names = append(names, r.Name)
			}
		}
		return dbsqlc.CustomerTableColumnsRow{}, fmt.Errorf("table %s has no column %q; it has %s", c.table, name, strings.Join(names, ", "))
	}
	return c.columns[i], nil
}

// resolve finds the table and a source for each of our columns, or says in one
// line why it cannot serve.
func (s *schemaSession) resolve(ctx context.Context, b Binding, before boundTable) (customerTable, error) {
	var t customerTable
	found, qualified, err := s.findTable(ctx, b.Table)
	if err != nil {
		return t, err
	}
	t = customerTable{relation: found.Relation, schema: found.TableSchema, table: found.TableName, qualified: qualified, sources: map[string]source{}}
	site, err := s.columnsOf(ctx, found, qualified)
	if err != nil {
		return t, err
	}
	isBound := before.schema == t.schema && before.table == t.table
	if !isBound && before.table != "" { // it may have been renamed
		if isBound, err = s.q.CustomerReferred(ctx, s.conn, t.relation, ""); err != nil {
			return t, err
		}
	}
	for _, c := range customerColumns() {
		given, isGiven := b.Columns[c.name]
		switch {
		case isGiven && given != "":
			if t.sources[c.name], err = s.given(ctx, site, c, given); err != nil {
				return t, err
			}
		case !isGiven:
			if src, ok := s.source(ctx, before, isBound, site, c); ok {
				t.sources[c.name] = src
			}
		}
	}
	if _, ok := t.sources["email"]; !ok && t.key() != "" {
		if err := s.refuseChild(ctx, t); err != nil {
			return t, err
		}
	}
	return t, t.check(site)
}

// refuseChild names the table that has the address, where this one's key is that table's:
// as that of a Django model that inherits from another.
func (s *schemaSession) refuseChild(ctx context.Context, t customerTable) error {
	parent, err := s.q.CustomerParent(ctx, s.conn, t.key(), t.relation)
	if err != nil || parent == "" {
		return err
	}
	return fmt.Errorf("table %s has no e-mail column, and its key is that of %s, which has one: its rows are those of a model that inherits; bind --table %[2]s, "+
		"whose customers they are, too", t.qualified, parent)
}

// source is where a column comes from that nobody named: from where it came, else from
// a column with a usual name. What a binding leaves out, it goes on leaving out.
func (s *schemaSession) source(ctx context.Context, before boundTable, isBound bool, site siteColumns, c customerColumn) (source, bool) {
	if isBound {
		if src, ok := s.kept(ctx, before, site, c.name); ok {
			return src, true
		}
		if _, had := before.sources[c.name]; !had {
			return source{}, false
		}
	}
	column, ok := site.usual(c)
	return source{Column: column}, ok
}

// usual looks for a column under the names that Django projects use.
func (c siteColumns) usual(want customerColumn) (string, bool) {
	for _, r := range c.columns {
		if want.name == "customer_id" && r.InPrimaryKey && r.Kind == "integer" && r.IsUnique {
			return r.Name, true
		}
	}
	for _, name := range want.usual {
		if r, err := c.find(name); err == nil && (want.kinds == nil || slices.Contains(want.kinds, r.Kind)) {
			return name, true
		}
	}
	return "", false
}

// given checks a source that a person chose.
func (s *schemaSession) given(ctx context.Context, site siteColumns, want customerColumn, text string) (source, error) {
	src, err := parseSource(text)
	if err != nil {
		return src, fmt.Errorf("--column %s: %w", want.name, err)
	}
	if src.Table != "" {
		if site, err = s.related(ctx, want, &src); err != nil {
			return src, err
		}
	}
	if isSecret(src.Column) {
		return src, fmt.Errorf("--column %s: %s looks like a password, which Sespan never reads", want.name, src.Column)
	}
	r, err := site.find(src.Column)
	if err != nil {
		return src, fmt.Errorf("--column %s: %w", want.name, err)
	}
	if want.kinds != nil && !slices.Contains(want.kinds, r.Kind) {
		return src, fmt.Errorf("--column %s: %s.%s is %s, not %s", want.name, site.table, r.Name, r.Type, strings.Join(want.kinds, " or "))
	}
	return src, nil
}

// related looks up the other table of a source and completes its schema.
func (s *schemaSession) related(ctx context.Context, want customerColumn, src *source) (siteColumns, error) {
	if want.name == "customer_id" || want.name == "email" || want.name == "is_active" {
		return siteColumns{}, fmt.Errorf("--column %s must be a column of the customer table itself: bind the table that has it", want.name)
	}
	found, qualified, err := s.findParts(ctx, src.Schema, src.Table)
	if err != nil {
		return siteColumns{}, fmt.Errorf("--column %s: %w", want.name, err)
	}
	src.Schema = found.TableSchema
	site, err := s.columnsOf(ctx, found, qualified)
	if err != nil {
		return site, err
	}
	on, err := site.find(src.On)
	if err != nil {
		return site, fmt.Errorf("--column %s: %w", want.name, err)
	}
	if on.Kind != "integer" {
		return site, fmt.Errorf("--column %s: %s.%s is %s, not integer", want.name, qualified, on.Name, on.Type)
	}
	return site, nil
}

// check refuses a table without an integer key or without an e-mail column.
func (t customerTable) check(site siteColumns) error {
	key, ok := t.sources["customer_id"]
	if !ok {
		return fmt.Errorf("table %s has no integer key%s; Sespan needs one (smallint, integer or bigint)", t.qualified, site.keyTypes())
	}
	if r, err := site.find(key.Column); err != nil {
		return err
	} else if !r.IsUnique {
		return fmt.Errorf("column %s.%s is not unique: a key needs a primary key or a unique constraint of its own", t.qualified, r.Name)
	}
	if _, ok := t.sources["email"]; !ok {
		return fmt.Errorf("table %s has no e-mail column; name it with --column email=…", t.qualified)
	}
	return nil
}

// keyTypes says what the primary key is instead: " (its primary key is id uuid)".
func (c siteColumns) keyTypes() string {
	var parts []string
	for _, r := range c.columns {
		if r.InPrimaryKey {
			parts = append(parts, r.Name+" "+r.Type)
		}
	}
	if parts == nil {
		return ""
	}
	return " (its primary key is " + strings.Join(parts, ", ") + ")"
}

// isSecret: a column that must never be read, however it is asked for.
func isSecret(column string) bool {
	c := strings.ToLower(column)
	return strings.Contains(c, "password") || strings.Contains(c, "passwd") || c == "pwd" || strings.Contains(c, "secret")
}
