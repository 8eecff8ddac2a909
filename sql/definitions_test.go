package sql

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const downPart = "---- create above / drop below ----"

var (
	lineComment = regexp.MustCompile(`--[^\n]*`)
	quotedText  = regexp.MustCompile(`'(?:[^']|'')*'`)
	dollarTag   = regexp.MustCompile(`\$[A-Za-z_]*\$`)
	definition  = regexp.MustCompile(`(?is)\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+|RECURSIVE\s+|MATERIALIZED\s+)?` +
		`(FUNCTION|PROCEDURE|VIEW|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w."]+)\s*(\(|[^;]*?\bON\s+([\w."]+))?`)
	defaultValue = regexp.MustCompile(`(?is)\s*(?:\bDEFAULT\b|:=|=).*`)
	mode         = regexp.MustCompile(`(?i)^(IN|INOUT|VARIADIC)\s+`)
	typeAliases  = map[string]string{
		"int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean", "float8": "double precision",
		"timestamptz": "timestamp with time zone", "character varying": "varchar",
	}
)

// definitions gives what each up part defines, and the files where.
func definitions(files fs.FS) (map[string][]string, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		up, _, _ := strings.Cut(string(text), downPart)
		up = plain(up)
		for _, m := range definition.FindAllStringSubmatchIndex(up, -1) {
			part := func(n int) string {
				if m[2*n] < 0 {
					return ""
				}
				return strings.ToLower(up[m[2*n]:m[2*n+1]])
			}
			kind, what := part(1), part(1)+" "+part(2)
			switch kind {
			case "trigger":
				what += " on " + part(4)
			case "function", "procedure":
				what = "routine " + part(2) + "(" + strings.Join(argumentTypes(up[m[6]+1:]), ", ") + ")"
			}
			found[what] = append(found[what], name)
		}
	}
	return found, nil
}

// plain takes comments, texts and the bodies of functions out.
func plain(sql string) string {
	for {
		open := dollarTag.FindStringIndex(sql)
		if open == nil {
			break
		}
		// A tag in a comment or a text opens nothing; none of ours has one there.
		tag := sql[open[0]:open[1]]
		end := strings.Index(sql[open[1]:], tag)
		if end < 0 {
			break
		}
		sql = sql[:open[0]] + "''" + sql[open[1]+end+len(tag):]
	}
	return quotedText.ReplaceAllString(lineComment.ReplaceAllString(sql, ""), "''")
}

// argumentTypes reads the types that tell overloads apart, up to the bracket that
// closes the list.
func argumentTypes(list string) []string {
	depth, start := 0, 0
	types := []string{}
	add := func(end int) {
		a := strings.Join(strings.Fields(defaultValue.ReplaceAllString(list[start:end], "")), " ")
		start = end + 1
		if a == "" || strings.HasPrefix(strings.ToUpper(a), "OUT ") {
			return
		}
		a = strings.ToLower(mode.ReplaceAllString(a, ""))
		if _, rest, named := strings.Cut(a, " "); named && a != "double precision" {
			a = rest
		}
		bare, isArray := strings.CutSuffix(strings.TrimPrefix(a, "pg_catalog."), "[]")
		if known, is := typeAliases[bare]; is {
			bare = known
		}
		if isArray {
			bare += "[]"
		}
		types = append(types, bare)
	}
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth == 0:
			add(i)
			return types
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			add(i)
		}
	}
	return types
}

// twice names what has two definitions. A file of a release stays as it is, so what one
// defines may be defined anew, once, in a file that is in no release yet.
func twice(files fs.FS, released map[string]string) ([]string, error) {
	found, err := definitions(files)
	var out []string
	for what, where := range found {
		where = slices.DeleteFunc(where, func(name string) bool { return released[name] != "" })
		if len(where) > 1 {
			out = append(out, fmt.Sprintf("%s: %s", what, strings.Join(where, ", ")))
		}
	}
	slices.Sort(out)
	return out, err
}

// A reader finds a function, view or trigger in one place, and that is how it is.
func TestEachDefinitionStandsOnce(t *testing.T) {
	t.Parallel()
	list, err := releasedList()
	if err != nil {
		t.Fatal(err)
	}
	found, err := twice(Migrations(), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range found {
		t.Errorf("defined twice: %s", definition)
	}
	all, _ := definitions(Migrations())
	for _, known := range []string{
		"routine sespan.mail_retry(bigint[], text)", "view sespan.mail_stuck", "trigger mail_doorbell_ring on sespan.mail_queue",
		"routine sespan.mail_attach(jsonb)", "routine sespan.mail_delivery(bigint, timestamp with time zone)",
	} {
		if len(all[known]) == 0 {
			t.Errorf("%s was not found among %d definitions", known, len(all))
		}
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if !strings.HasPrefix(name, fmt.Sprintf("%03d_", i+1)) {
			t.Errorf("%s is at place %d", name, i+1)
		}
	}
}

func TestTwice(t *testing.T) {
	t.Parallel()
	first := "CREATE FUNCTION s.f(a int, b text DEFAULT 'x, y') RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;\n" +
		"CREATE VIEW s.v AS SELECT 1;\nCREATE TRIGGER t AFTER INSERT ON s.a FOR EACH ROW EXECUTE FUNCTION s.g();\n"
	for name, c := range map[string]struct {
		second string
		want   string
	}{
		"replaced function":    {"CREATE OR REPLACE FUNCTION s.f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 2';", "routine s.f(integer, text): 001_a.sql, 002_b.sql"},
		"other spelling":       {"create or replace function s.f(INTEGER, c text = 'z', OUT d int) language sql AS 'SELECT 2';", "routine s.f(integer, text): 001_a.sql, 002_b.sql"},
		"created again":        {"DROP FUNCTION s.f(int, text);\nCREATE FUNCTION\n s.f(a int4, b text) RETURNS int LANGUAGE sql AS 'SELECT 2';", "routine s.f(integer, text): 001_a.sql, 002_b.sql"},
		"replaced view":        {"CREATE OR REPLACE VIEW s.v AS SELECT 2;", "view s.v: 001_a.sql, 002_b.sql"},
		"replaced trigger":     {"CREATE OR REPLACE TRIGGER t BEFORE UPDATE\n OF x ON s.a EXECUTE FUNCTION s.g();", "trigger t on s.a: 001_a.sql, 002_b.sql"},
		"twice in a file":      {"CREATE VIEW s.w AS SELECT 1; CREATE OR REPLACE VIEW s.w AS SELECT 2;", "view s.w: 002_b.sql, 002_b.sql"},
		"overload":             {"CREATE FUNCTION s.f(a bigint, b text) RETURNS int LANGUAGE sql AS 'SELECT 2';", ""},
		"fewer arguments":      {"CREATE FUNCTION s.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 2';", ""},
		"trigger of another":   {"CREATE TRIGGER t AFTER INSERT ON s.b FOR EACH ROW EXECUTE FUNCTION s.g();", ""},
		"in the down part":     {"SELECT 1;\n" + downPart + "\nCREATE OR REPLACE VIEW s.v AS SELECT 2;", ""},
		"in a comment":         {"-- CREATE OR REPLACE VIEW s.v AS SELECT 2;\nSELECT 1;", ""},
		"in a function's body": {"CREATE FUNCTION s.h() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN EXECUTE 'CREATE VIEW s.v AS SELECT 1'; END $x$;", ""},
		"in a text":            {"COMMENT ON VIEW s.v IS 'CREATE VIEW s.v of a text';", ""},
	} {
		files := fstest.MapFS{"001_a.sql": {Data: []byte(first)}, "002_b.sql": {Data: []byte(c.second)}}
		got, err := twice(files, nil)
		if err != nil || strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
		if got, err := twice(files, map[string]string{"001_a.sql": "released"}); err != nil || (len(got) > 0) != (name == "twice in a file") {
			t.Errorf("%s, of what is released: %q, %v", name, got, err)
		}
	}
}
