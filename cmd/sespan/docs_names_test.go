package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a page may name, and what it then looks like there. A Makefile's targets and the
// commands of manage.py are looked up as such, all other names among the words of the sources.
var (
	namedWords = []*regexp.Regexp{
		regexp.MustCompile("`(Test[A-Z]\\w+|test_\\w+)`"),      // tests
		regexp.MustCompile(`\b(SESPAN_[A-Z0-9_]*[A-Z0-9])\b`),  // settings, variables
		regexp.MustCompile("`(sespan_[a-z0-9_]*[a-z0-9])[`{]"), // metrics, roles
		regexp.MustCompile(`\bsespan\.([a-z_]*[a-z])\b`),       // tables, functions, permissions
	}
	namedTarget  = regexp.MustCompile("(?:`|\\$ |^)make ([a-z0-9]+(?:-[a-z0-9]+)*)")
	namedCommand = regexp.MustCompile(`manage\.py (sespan_[a-z_]+|[a-z]+_shop)`)
	target       = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	word         = regexp.MustCompile(`[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*`)
	sourceEnding = []string{".go", ".sql", ".py", ".js", ".html", ".yml", ".yaml", ".toml", ".service", ".ini", ".conf", ".jsonl"}
)

// namesOf gives the names of a page, each with what it is looked up among.
func namesOf(page string) (words, targets, commands []string) {
	for _, kind := range namedWords {
		for _, m := range kind.FindAllStringSubmatch(page, -1) {
			words = append(words, m[1])
		}
	}
	for line := range strings.Lines(page) {
		for _, m := range namedTarget.FindAllStringSubmatch(line, -1) {
			targets = append(targets, m[1])
		}
	}
	for _, m := range namedCommand.FindAllStringSubmatch(page, -1) {
		commands = append(commands, m[1])
	}
	return words, targets, commands
}

// wordsOfTheTree are all words of the sources, and the names of their files.
func wordsOfTheTree(tb testing.TB) map[string]bool {
	tb.Helper()
	words := map[string]bool{}
	collect := func(text string) {
		for _, found := range word.FindAllString(text, -1) {
			words[found] = true
		}
	}
	for _, top := range []string{"cmd", "internal", "sql", "queries", "grafana", "packaging", "django_bridge"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && slices.Contains([]string{"node_modules", "testdata", "dist", "staticfiles"}, entry.Name()) {
				return filepath.SkipDir
			}
			words[strings.TrimSuffix(entry.Name(), ".py")] = true
			if slices.Contains(sourceEnding, filepath.Ext(path)) {
				text, err := os.ReadFile(path)
				collect(string(text))
				return err
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	collect(contentOf(tb, filepath.Join(root, "docs/configuration.md"))) // generated from the settings
	return words
}

// A reader who types what a page names finds it: tests, settings, metrics, objects of the
// schema, targets, commands.
func TestPagesNameWhatExists(t *testing.T) {
	t.Parallel()
	pages, known := pagesOfTheTree(t), wordsOfTheTree(t)
	for _, name := range []string{"django_bridge/example/README.md", "django_bridge/e2e/README.md"} {
		pages[name] = contentOf(t, filepath.Join(root, name))
	}
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(contentOf(t, filepath.Join(root, "Makefile")), -1) {
		targets[m[1]] = true
	}
	looked := 0
	for name, page := range pages {
		words, called, commands := namesOf(page)
		looked += len(words) + len(called) + len(commands)
		for _, found := range append(words, commands...) {
			if !known[found] && !known[strings.TrimSuffix(found, "_FILE")] {
				t.Errorf("%s names %s, which is nowhere", name, found)
			}
		}
		for _, found := range called {
			if !targets[found] {
				t.Errorf("%s names make %s, which the Makefile has not", name, found)
			}
		}
	}
	if looked < 700 {
		t.Errorf("only %d names were looked up", looked)
	}
}

// Each call that a page names is one of the contract.
func TestPagesNameCallsThatExist(t *testing.T) {
	t.Parallel()
	var contract struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(contentOf(t, filepath.Join(root, "docs/openapi.json"))), &contract); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for name, page := range pagesOfTheTree(t) {
		for _, m := range regexp.MustCompile("`((?:GET|POST|PUT|DELETE)(?:/(?:GET|POST|PUT|DELETE))*) (/v1/[^`? …]*)[`? ]").FindAllStringSubmatch(page, -1) {
			for method := range strings.SplitSeq(m[1], "/") {
				looked++
				if contract.Paths[m[2]][strings.ToLower(method)] == nil {
					t.Errorf("%s names %s %s, which docs/openapi.json has not", name, method, m[2])
				}
			}
		}
	}
	if looked < 50 {
		t.Errorf("only %d calls were looked up", looked)
	}
}

// The columns of the export stand on the page of the programmer and on that of the bookkeeper.
func TestPagesHaveTheColumnsOfTheExport(t *testing.T) {
	t.Parallel()
	_, header, _ := strings.Cut(contentOf(t, filepath.Join(root, "internal/httpapi/transaction_export.go")), "w.table.header(")
	header, _, _ = strings.Cut(header, ")")
	want := word.FindAllString(header, -1)
	slices.Sort(want)
	for page, head := range map[string]string{"docs/transactions.md": "\n| column | holds |\n", "docs/reports.md": "\n| column | |\n"} {
		_, table, _ := strings.Cut(contentOf(t, filepath.Join(root, page)), head)
		table, _, _ = strings.Cut(table, "\n\n")
		var got []string
		for _, row := range regexp.MustCompile(`(?m)^\| (`+"`"+`[^|]+) \|`).FindAllStringSubmatch(table, -1) {
			got = append(got, word.FindAllString(row[1], -1)...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || len(want) < 10 {
			t.Errorf("%s has the columns %v, the export %v", page, got, want)
		}
	}
}

func TestNamesOf(t *testing.T) {
	t.Parallel()
	words, targets, commands := namesOf("`TestXy`, `test_y` and TestZ; SESPAN_RUN_FILE; `sespan_up` and `sespan_down{a=\"b\"}`; sespan.mail_why(1)\n" +
		"$ make test-e2e # and `make demo`, but to make nothing\n$ python manage.py sespan_init --jwks x\n")
	want := [][]string{{"TestXy", "test_y", "SESPAN_RUN_FILE", "sespan_up", "sespan_down", "mail_why"}, {"test-e2e", "demo"}, {"sespan_init"}}
	for i, got := range [][]string{words, targets, commands} {
		if !slices.Equal(got, want[i]) {
			t.Errorf("got %q, want %q", got, want[i])
		}
	}
}
