package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
)

func (s *schemaSession) columnsOf(ctx context.Context, found dbsqlc.CustomerTableFindRow, qualified string) (siteColumns, error) {
	rows, err := s.q.CustomerTableColumns(ctx, s.conn, found.Relation)
	return siteColumns{table: qualified, columns: rows}, err
}

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

// similar: the same but for case, one within the other, or few edits apart.
func similar(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b || (min(len(a), len(b)) > 3 && (strings.Contains(a, b) || strings.Contains(b, a))) || distance(a, b) <= 2+len(b)/8
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
