package mail

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestComplaintsAreAnswered: every test that docs/mail.md names as the answer to a
// complaint about other queues is there.
func TestComplaintsAreAnswered(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "mail.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| complaint | answered by |")
	if !found {
		t.Fatal("the table of complaints is gone")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	tests := testNames(t, root)
	answered := 0
	for line := range strings.Lines(table) {
		if names := regexp.MustCompile("`([Tt]est\\w+)`").FindAllStringSubmatch(line, -1); names != nil {
			answered++
			for _, n := range names {
				if !tests[n[1]] {
					t.Errorf("%s is no test: %s", n[1], line)
				}
			}
		} else if strings.HasPrefix(line, "| ") {
			t.Errorf("no test: %s", line)
		}
	}
	if answered < 15 {
		t.Errorf("%d complaints are answered, want 15", answered)
	}
}

// testNames lists the tests of the repository, Go and Python.
func testNames(t *testing.T, root string) map[string]bool {
	t.Helper()
	pattern := regexp.MustCompile(`(?m)^\s*(?:func|def) ([Tt]est\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"), strings.HasPrefix(d.Name(), "test_") && strings.HasSuffix(path, ".py"):
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
