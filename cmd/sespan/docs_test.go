package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pathBases are the folders that the paths of the documentation start from.
var pathBases = []string{"", "internal", "django_bridge/src"}

// namedPath is a path of this repository in backticks: a folder and a file's ending.
var namedPath = regexp.MustCompile("`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+\\.(?:go|sql|py|js|yml|yaml|json))`")

// lostPaths gives the paths that a page names and the tree does not have.
func lostPaths(page []byte, exists func(string) bool) (named int, lost []string) {
	for _, match := range namedPath.FindAllSubmatch(page, -1) {
		path, found := string(match[1]), strings.Contains(string(match[1]), "noun.") // a noun yet to come
		named++
		for _, base := range pathBases {
			found = found || exists(filepath.Join(base, path))
		}
		if !found {
			lost = append(lost, path)
		}
	}
	return named, lost
}

// A page that sends its reader to a file that was renamed is worse than none.
func TestPagesNameFilesThatExist(t *testing.T) {
	t.Parallel()
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, path))
		return err == nil
	}
	for page, least := range map[string]int{
		"docs/architecture.md": 60, "docs/glossary.md": 20, "CONTRIBUTING.md": 3, "docs/mail-operations.md": 1, "docs/database.md": 1,
	} {
		raw, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		named, lost := lostPaths(raw, exists)
		if named < least {
			t.Errorf("%s: %d paths were read, %d at least were expected", page, named, least)
		}
		for _, path := range lost {
			t.Errorf("%s names %s, which does not exist", page, path)
		}
	}
}

func TestLostPaths(t *testing.T) {
	t.Parallel()
	page := []byte("see `otp/issue.go`, `sql/roles.sql`, `otp/gone.go`, `queries/noun.sql` and `make test`")
	named, lost := lostPaths(page, func(path string) bool { return path == "internal/otp/issue.go" || path == "sql/roles.sql" })
	if named != 4 || len(lost) != 1 || lost[0] != "otp/gone.go" {
		t.Errorf("%d named, lost %v", named, lost)
	}
}

// One thing under one word: no term of the glossary has two lines.
func TestTheGlossaryHasEachTermOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| `).FindAllStringSubmatch(contentOf(t, filepath.Join(root, "docs/glossary.md")), -1) {
		for term := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSuffix(row[1], " ◆"), ";", ","), ", ") {
			if seen[term] && term != "term" {
				t.Errorf("the glossary has %q twice", term)
			}
			seen[term] = true
		}
	}
	if len(seen) < 200 {
		t.Errorf("only %d terms were read", len(seen))
	}
}

// What the README gives in figures was measured: each figure stands on the page that says how.
func TestTheFiguresOfTheREADMEStandOnTheirPage(t *testing.T) {
	t.Parallel()
	measured := contentOf(t, filepath.Join(root, "docs/mail-benchmarks.md"))
	_, table, _ := strings.Cut(contentOf(t, filepath.Join(root, "README.md")), "\n| measured | under which conditions | by |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| [^|]+ \\| `(make [a-z-]+)` \\|$").FindAllStringSubmatch(table, -1)
	if len(rows) != 3 {
		t.Fatalf("%d figures were read, three were expected", len(rows))
	}
	for _, row := range rows {
		for _, figure := range regexp.MustCompile(`\d[\d.,]*\d|\d`).FindAllString(row[1], -1) {
			if !regexp.MustCompile(`(?:^|[^\d.,])` + regexp.QuoteMeta(figure) + `(?:[^\d]|$)`).MatchString(measured) {
				t.Errorf("README has %s (%s), which docs/mail-benchmarks.md has not", figure, row[1])
			}
		}
		if !strings.Contains(measured, "`"+row[2]+"`") {
			t.Errorf("docs/mail-benchmarks.md does not say what %s does", row[2])
		}
	}
}
