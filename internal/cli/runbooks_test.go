package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"sespan/internal/devtools/docscommands"
	"sespan/internal/devtools/pgtest"
)

// What a runbook tells somebody to type at night exists: commands parse, SQL runs.
func TestCommandsOfRunbooks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "Sespan*.md"))
	if err != nil || len(pages) < 45 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	db := pgtest.NewDB(t)
	commands, statements := 0, 0
	for _, page := range pages {
		steps, err := docscommands.Read(page)
		if err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		for _, step := range steps {
			if step.Language == "sql" {
				statements++
				tryStatement(t, db, filepath.Base(page), step.Text)
				continue
			}
			list, err := step.Commands()
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			for _, c := range list {
				commands++
				if fault := faultOfCommand(c.Text); fault != "" {
					t.Errorf("%s: %s: %s", filepath.Base(page), c.Text, fault)
				}
			}
		}
	}
	if commands < 60 || statements < 40 {
		t.Errorf("only %d commands and %d statements were tried", commands, statements)
	}
}

// tryStatement runs what a page shows, and takes it back.
func tryStatement(t *testing.T, db *pgtest.DB, page, statement string) {
	t.Helper()
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), statement); err != nil {
		t.Errorf("%s: %v in:\n%s", page, err, statement)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFaultOfCommand(t *testing.T) {
	t.Parallel()
	for line, right := range map[string]bool{
		"sespan mail why 4711": true, "sespan --version": true, "promtool check config prometheus.yml": true,
		"sespan mail whence": false, "sespan doctor --loud": false, "doctor": false, "grafana-cli x": false,
	} {
		if fault := faultOfCommand(line); (fault == "") != right {
			t.Errorf("%s: %q", line, fault)
		}
	}
}

// faultOfCommand says what is wrong with a command of a page, "" for nothing.
func faultOfCommand(line string) string {
	words := strings.Fields(line)
	switch {
	case len(words) < 2:
		return "no command"
	case words[0] == "psql" || words[0] == "promtool":
		return ""
	case words[0] != "sespan":
		return "neither sespan, psql nor promtool"
	}
	said := &strings.Builder{}
	ended := false
	_, err := Parse(words[1:], IO{Out: said, Err: said, Version: "test", Exit: func(int) { ended = true }})
	if err != nil && !ended {
		return err.Error()
	}
	return ""
}
