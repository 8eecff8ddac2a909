package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
)

// customerTable is a table of the site that can serve as the customers.
type customerTable struct {
	relation      int64
	schema, table string
	qualified     string
	sources       map[string]source
}

func (t customerTable) key() string { return t.sources["customer_id"].Column }

// describe gives each of our columns its source, as it would be typed.
func (t customerTable) describe() map[string]string {
	out := make(map[string]string)
	for _, c := range customerColumns() {
		src, ok := t.sources[c.name]
		switch {
		case !ok:
			out[c.name] = ""
		case src.Table != "":
			out[c.name] = fmt.Sprintf("%s.%s.%s@%s", src.Schema, src.Table, src.Column, src.On)
		default:
			out[c.name] = src.Column
		}
	}
	return out
}

// findTable looks up the table that --table names.
func (s *schemaSession) findTable(ctx context.Context, table string) (dbsqlc.CustomerTableFindRow, string, error) {
	parts, rest, err := splitIdentifiers(strings.TrimSpace(table))
	if err != nil || rest != "" || len(parts) > 2 {
		return dbsqlc.CustomerTableFindRow{}, "", fmt.Errorf("--table %q is not the name of a table, such as public.auth_user", table)
	}
	if len(parts) == 1 {
		parts = []string{"", parts[0]}
	}
	found, qualified, err := s.findParts(ctx, parts[0], parts[1])
	if err == nil && found.TableSchema == "sespan" {
		err = fmt.Errorf("%s is a table of Sespan itself; name the site's user table", qualified)
	}
	return found, qualified, err
}

func (s *schemaSession) findParts(ctx context.Context, schema, name string) (found dbsqlc.CustomerTableFindRow, qualified string, err error) {
	found, err = s.q.CustomerTableFind(ctx, s.conn, name, schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, "", s.notFound(ctx, schema, name)
	}
	if err != nil {
		return found, "", err
	}
	qualified, err = s.q.CustomerQuote(ctx, s.conn, found.TableSchema, found.TableName)
	if err != nil {
		return found, "", err
	}
	if kind, no := map[string]string{"v": "a view", "m": "a materialized view", "f": "a foreign table"}[found.Kind]; no {
		return found, "", fmt.Errorf("%s is %s; name the table itself", qualified, kind)
	}
	return found, qualified, nil
}

// notFound suggests tables with a similar name, else those with an e-mail column.
func (s *schemaSession) notFound(ctx context.Context, schema, name string) error {
	rows, err := s.q.CustomerTableList(ctx, s.conn)
	if err != nil {
		return err
	}
	var near, withEmail []string
	for _, r := range rows {
		if similar(r.TableName, name) {
			near = append(near, r.Qualified)
		} else if r.HasEmail {
			withEmail = append(withEmail, r.Qualified)
		}
	}
	full := strings.TrimPrefix(schema+"."+name, ".")
	suggestions := append(near, withEmail...)
	if len(suggestions) == 0 {
		return fmt.Errorf("table %s does not exist in database %s, nor any with an e-mail column; did the site's own migrations run?", full, s.database)
	}
	return fmt.Errorf("table %s does not exist in database %s; did you mean %s?", full, s.database, strings.Join(suggestions[:min(5, len(suggestions))], " or "))
}

// similar: the same but for case, or one within the other.
func similar(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b || min(len(a), len(b)) > 3 && (strings.Contains(a, b) || strings.Contains(b, a))
}
