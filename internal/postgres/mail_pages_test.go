package postgres_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

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
		rows, err := db.Pool.Query(t.Context(), c.sql)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			want = append(want, name)
		}
		slices.Sort(want)
		if got := firstCells(t, c.page, c.head); rows.Err() != nil || !slices.Equal(got, want) {
			t.Errorf("docs/%s has %v, the schema %v (%v)", c.page, got, want, rows.Err())
		}
	}
}
