package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/httpapi"
)

// matrix is a table of docs/access.md: by name the cells, by the heading of their column.
type matrix map[string]map[string]string

var quoted = regexp.MustCompile("`([^`]+)`")

// readMatrix reads the table whose first heading is kind. A line names one thing or
// several, in backquotes, for which it holds alike; no name comes twice.
func readMatrix(t *testing.T, kind string) matrix {
	t.Helper()
	text, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	found := matrix{}
	var headings []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			headings = nil
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == kind:
			headings = cells
		case headings == nil || strings.HasPrefix(cells[0], "---"):
		case len(cells) != len(headings):
			t.Errorf("a line of the table %s has %d cells: %s", kind, len(cells), line)
		default:
			for _, name := range quoted.FindAllStringSubmatch(cells[0], -1) {
				if found[name[1]] != nil {
					t.Errorf("two lines for %s", name[1])
				}
				found[name[1]] = map[string]string{}
				for i, heading := range headings[1:] {
					found[name[1]][heading] = cells[i+1]
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("docs/access.md has no table %s", kind)
	}
	return found
}

// caller is a credential and the cells that let it in.
type caller struct {
	name, column, credential string
	cells                    []string
	stranger                 bool // not known: 401 where others get 403
}

func (s *running) callers() []caller {
	staff := func(changes map[string]any) string {
		all := map[string]any{"order_ref": nil, "amount": nil, "scope": "staff", "name": "ratna", "sub": "7"}
		for name, value := range changes {
			all[name] = value
		}
		return s.token(`{"alg":"EdDSA","kid":"site"}`, claims(all))
	}
	expired := claims(nil)["iat"].(int64) - 800
	list := []caller{
		{"a customer", "customer", s.token(`{"alg":"EdDSA","kid":"site"}`, claims(nil)), []string{"token", "both", "all"}, false},
		{"nobody", "nobody", "", []string{"all"}, true},
		{"staff whose token has expired", "nobody", staff(map[string]any{"roles": []string{"admin"}, "iat": expired, "exp": expired + 600}), []string{"all"}, true},
		{"staff of no role", "nobody", staff(map[string]any{"roles": []string{"service", "root"}}), []string{"all"}, true},
		{"staff of another scope", "nobody", staff(map[string]any{"roles": []string{"admin"}, "scope": "customer"}), []string{"all"}, true},
	}
	for _, role := range []access.Role{access.RoleService, access.RoleReport, access.RoleDashboard, access.RoleAdmin} {
		list = append(list, caller{"a key of " + string(role), string(role), s.key(role), []string{"key", "both", "all"}, false})
		if role != access.RoleService {
			list = append(list, caller{"staff of " + string(role), string(role), staff(map[string]any{"roles": []string{string(role)}}), []string{"token", "both", "all"}, false})
		}
	}
	return list
}

// TestAccessMatrixOverHTTP makes each call of the API with a key and a token of each role
// and with none, and finds what docs/access.md says. What is let in may still be
// refused for what it asks: the bodies are empty and the ids unknown.
func TestAccessMatrixOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t)
	calls := readMatrix(t, "call")
	callers := s.callers()
	operations := httpapi.Spec("test").Paths
	operations["/openapi.json"] = &huma.PathItem{Get: &huma.Operation{}}
	for path, item := range operations {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete, "PATCH": item.Patch} {
			if op == nil {
				continue
			}
			call := method + " " + path
			line := calls[call]
			if line == nil {
				t.Errorf("docs/access.md has no line for %s", call)
				continue
			}
			delete(calls, call)
			checkSecurity(t, call, line, op)
			for _, c := range callers {
				s.tryCall(t, method, path, c, line[c.column])
			}
		}
	}
	for call := range calls {
		t.Errorf("docs/access.md has a line for %s, which is no call", call)
	}
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

func (s *running) tryCall(t *testing.T, method, path string, c caller, cell string) {
	t.Helper()
	body := ""
	if method == http.MethodPost || method == http.MethodPut {
		body = "{}"
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+parameter.ReplaceAllString(path, "1"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.credential != "" {
		req.Header.Set("Authorization", "Bearer "+c.credential)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	refused := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden
	want := http.StatusForbidden
	if c.stranger {
		want = http.StatusUnauthorized
	}
	switch {
	case res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests: // 503: maintenance has a lock just now
		t.Errorf("%s %s by %s: %d %s", method, path, c.name, res.StatusCode, text)
	case cell == "all": // signed by its sender, who needs no credential of ours
	case slices.Contains(c.cells, cell) && refused:
		t.Errorf("%s %s by %s is refused: %d %s", method, path, c.name, res.StatusCode, text)
	case !slices.Contains(c.cells, cell) && res.StatusCode != want:
		t.Errorf("%s %s by %s: %d, want %d: %s", method, path, c.name, res.StatusCode, want, text)
	}
}

// checkSecurity compares a line with what the OpenAPI document says of the call.
func checkSecurity(t *testing.T, call string, line map[string]string, op *huma.Operation) {
	t.Helper()
	want := map[string]bool{}
	for column, cell := range line {
		switch {
		case cell == "key" || cell == "both":
			want["serviceKey"] = true
		case column == "customer" && cell == "token":
			want["customerToken"] = true
		}
		if column != "customer" && (cell == "token" || cell == "both") {
			want["staffToken"] = true
		}
		if !slices.Contains([]string{"key", "token", "both", "all", "–"}, cell) {
			t.Errorf("%s: %q in a cell of docs/access.md", call, cell)
		}
	}
	got := map[string]bool{}
	for _, scheme := range op.Security {
		for name := range scheme {
			got[name] = true
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: the OpenAPI document wants %v, docs/access.md %v", call, got, want)
	}
}

var databaseRoles = []string{"service", "producer", "reader", "reader_detail", "admin"}

// TestAccessMatrixInTheDatabase tries each table, view, sequence and function of the
// schema as a login of each role, and of none, and finds what docs/access.md says.
func TestAccessMatrixInTheDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	objects := readMatrix(t, "object")
	logins := map[string]*pgxpool.Pool{"": db.Login(t, "").Pool}
	for _, role := range databaseRoles {
		logins[role] = db.Login(t, "", "sespan_"+role).Pool
	}
	rows, err := db.Pool.Query(t.Context(), objectsSQL)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.columns, &o.arguments); err != nil {
			t.Fatal(err)
		}
		name := o.name
		if o.kind == "f" {
			name += "()"
		}
		line := objects[name]
		if line == nil {
			t.Errorf("docs/access.md has no line for %s", name)
			continue
		}
		seen[name] = true
		for role, login := range logins {
			cell := line[role]
			if role == "" || cell == "–" {
				cell = ""
			}
			if got := o.rights(t, login); got != cell {
				t.Errorf("%s has the rights %q on %s, docs/access.md says %q", "sespan_"+role, got, name, cell)
			}
			o.try(t, login, role, cell)
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	for name := range objects {
		if !seen[name] {
			t.Errorf("docs/access.md has a line for %s, which is nothing", name)
		}
	}
}

// object is something of the schema that rights are given on.
type object struct {
	kind, name string
	columns    []string
	arguments  []string // types
}

const objectsSQL = `
SELECT c.relkind::text, c.relname::text,
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'), '{}'::text[]
FROM pg_class c WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
UNION ALL
SELECT 'f', p.proname::text, '{}', ARRAY(SELECT format_type(a, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(a, n) ORDER BY n)
FROM pg_proc p WHERE p.pronamespace = 'sespan'::regnamespace`

// rights are those that the login has, as the server says: S, I, U, D, T, X; a small
// letter for some columns.
func (o object) rights(t *testing.T, login *pgxpool.Pool) string {
	t.Helper()
	sql := map[string]string{
		"f": `SELECT CASE WHEN has_function_privilege('sespan.' || quote_ident($1) || '(' || array_to_string($2::text[], ',') || ')', 'EXECUTE') THEN 'X' ELSE '' END`,
		"S": `SELECT concat(CASE WHEN has_sequence_privilege('sespan.' || quote_ident($1), 'SELECT') THEN 'S' END, CASE WHEN has_sequence_privilege('sespan.' || quote_ident($1), 'UPDATE') THEN 'U' END)
			WHERE $2::text[] IS NOT NULL`,
	}[o.kind]
	if sql == "" {
		sql = `SELECT coalesce(string_agg(CASE WHEN has_table_privilege(r.oid, p) THEN left(p, 1)
				WHEN p IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege(r.oid, CASE WHEN p IN ('SELECT', 'INSERT', 'UPDATE') THEN p ELSE 'SELECT' END) THEN lower(left(p, 1)) END, '' ORDER BY n), '')
			FROM (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = $1 AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'sespan')) r,
				unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) WITH ORDINALITY u(p, n) WHERE $2::text[] IS NOT NULL`
	}
	var got string
	err := login.QueryRow(t.Context(), sql, o.name, o.arguments).Scan(&got)
	if code(err) == "42501" { // the login may not even look into the schema
		return ""
	}
	if err != nil {
		t.Errorf("%s: %v", o.name, err)
	}
	return got
}

// try really does what the cell allows, and what it does not, on no rows at all.
func (o object) try(t *testing.T, login *pgxpool.Pool, role, cell string) {
	t.Helper()
	if o.kind == "f" {
		if cell == "" { // what is allowed would do something: elsewhere
			parts := make([]string, len(o.arguments))
			for i, argument := range o.arguments {
				parts[i] = "(SELECT NULL::" + argument + ")" // a constant would not be looked at by a strict function
			}
			o.attempt(t, login, role, false, "SELECT sespan."+o.name+"("+strings.Join(parts, ", ")+")")
		}
		return
	}
	whole := func(letter string) bool { return strings.Contains(cell, letter) }
	o.attempt(t, login, role, whole("S"), "SELECT * FROM sespan."+o.name+" LIMIT 0")
	if o.kind != "r" && o.kind != "p" {
		return
	}
	o.attempt(t, login, role, whole("D"), "DELETE FROM sespan."+o.name+" WHERE false")
	o.attempt(t, login, role, false, "TRUNCATE sespan."+o.name)
	for letter, statement := range map[string]string{
		"S": "SELECT %[2]q FROM sespan.%[1]s LIMIT 0", "U": "UPDATE sespan.%[1]s SET %[2]q = NULL WHERE false", "I": "INSERT INTO sespan.%[1]s (%[2]q) SELECT NULL WHERE false",
	} {
		if whole(strings.ToLower(letter)) {
			continue // some columns: their names stand in sql/roles.sql
		}
		for _, column := range o.columns {
			o.attempt(t, login, role, whole(letter), fmt.Sprintf(statement, o.name, column))
		}
	}
}

func (o object) attempt(t *testing.T, login *pgxpool.Pool, role string, may bool, statement string) {
	t.Helper()
	tx, err := login.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), statement)
	if may == (code(err) == "42501") {
		t.Errorf("sespan_%s, may %t: %s: %v", role, may, statement, err)
	}
}

func code(err error) string {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pe.Code
	}
	return ""
}
