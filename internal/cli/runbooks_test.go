package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

var (
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	sqlBlock     = regexp.MustCompile("(?s)```sql\n(.*?)```")
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
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(block[1]) {
				commands++
				if fault := faultOfCommand(strings.TrimSpace(line)); fault != "" {
					t.Errorf("%s: %s: %s", filepath.Base(page), strings.TrimSpace(line), fault)
				}
			}
		}
		for _, block := range sqlBlock.FindAllStringSubmatch(string(text), -1) {
			statements++
			tx, err := db.Pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), block[1]); err != nil {
				t.Errorf("%s: %v in:\n%s", filepath.Base(page), err, block[1])
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if commands < 60 || statements < 40 {
		t.Errorf("only %d commands and %d statements were tried", commands, statements)
	}
}

func TestFaultOfCommand(t *testing.T) {
	t.Parallel()
	for line, right := range map[string]bool{
		"$ sespan mail why 4711": true, "$ sespan --version": true, "$ promtool check config prometheus.yml": true,
		"$ sespan mail whence": false, "$ sespan doctor --loud": false, "sespan doctor": false, "$ grafana-cli": false,
	} {
		if fault := faultOfCommand(line); (fault == "") != right {
			t.Errorf("%s: %q", line, fault)
		}
	}
}

// faultOfCommand says what is wrong with a line of a console, "" for nothing.
func faultOfCommand(line string) string {
	words := strings.Fields(line)
	switch {
	case len(words) < 3 || words[0] != "$":
		return "no command after $"
	case words[1] == "psql" || words[1] == "promtool":
		return ""
	case words[1] != "sespan":
		return "neither sespan, psql nor promtool"
	}
	said := &strings.Builder{}
	ended := false
	_, err := Parse(words[2:], IO{Out: said, Err: said, Version: "test", Exit: func(int) { ended = true }})
	if err != nil && !ended {
		return err.Error()
	}
	return ""
}
