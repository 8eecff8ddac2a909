package postgres_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
)

// firstCells gives the names in the first cells of the table that begins with a line.
func firstCells(t *testing.T, page, head string) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("%s has no table %q", page, head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	slices.Sort(names)
	return names
}

// The pages of mails have every parameter of mail_enqueue and every setting, and none besides.
func TestMailPagesHaveWhatTheSchemaHas(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, c := range []struct{ page, head, sql string }{
		{"mail.md", "\n| parameter | |\n", `SELECT unnest(proargnames) FROM pg_proc WHERE oid = 'sespan.mail_enqueue'::regproc`},
		{"mail-operations.md", "\n| setting (", `SELECT name FROM sespan.mail_setting`},
	} {
		want := column(t, db, c.sql)
		if got := firstCells(t, c.page, c.head); !slices.Equal(got, want) {
			t.Errorf("docs/%s has %v, the schema %v", c.page, got, want)
		}
	}
}

func column(t *testing.T, db *pgtest.DB, sql string) (names []string) {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// What a DBA may switch off has its line, by name or as one of a kind ("stats_otp_…").
func TestTheDBAsPageHasEveryTrigger(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	there := column(t, db, `SELECT DISTINCT t.tgname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE c.relnamespace = 'sespan'::regnamespace AND NOT t.tgisinternal`)
	kinds := map[string]*regexp.Regexp{}
	for _, kind := range triggersOfThePage(t) {
		kinds[kind] = regexp.MustCompile("^" + strings.ReplaceAll(kind, "…", ".+") + "$")
	}
	used := map[string]bool{"sespan_otp_watch": true} // on the site's table, with --watch
	for _, name := range there {
		known := false
		for kind, form := range kinds {
			if form.MatchString(name) {
				known, used[kind] = true, true
			}
		}
		if !known {
			t.Errorf("docs/dba.md has no line for the trigger %s", name)
		}
	}
	for kind := range kinds {
		if !used[kind] {
			t.Errorf("docs/dba.md has a line for %s, which is no trigger", kind)
		}
	}
	if len(there) < 20 || len(kinds) < 8 {
		t.Errorf("%d triggers, %d kinds", len(there), len(kinds))
	}
}

// triggersOfThePage are the names at the beginning of each line of its table; those behind
// "on" are tables.
func triggersOfThePage(t *testing.T) (kinds []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/dba.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n| triggers | do | switched off |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		names, _, _ := strings.Cut(row[1], " on ")
		for _, name := range regexp.MustCompile("`([\\w…]+)`").FindAllStringSubmatch(names, -1) {
			kinds = append(kinds, name[1])
		}
	}
	return kinds
}
