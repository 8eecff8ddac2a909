package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readText(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Each SQLSTATE of ours that SQL or Go names has its line, and no other has.
func TestTheErrorsPageHasEverySQLSTATE(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	collect := func(text string) {
		for _, m := range regexp.MustCompile(`['"](SP\d{3})['"]`).FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	}
	collect(readText(t, "internal/postgres/errors.go"))
	err := filepath.WalkDir(filepath.Join(root, "sql"), func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".sql") {
			return err
		}
		text, err := os.ReadFile(name)
		collect(string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(SP\\d{3})` \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(readText(t, "docs/errors.md"), -1) {
		shown[m[1]] = true
	}
	if !maps.Equal(used, shown) || len(used) < 6 {
		t.Errorf("used %v, docs/errors.md has %v", slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(shown)))
	}
}

// The failures of the checkout: codes, statuses that are tried again, and texts are those of the script.
func TestTheErrorsPageHasEveryFailureOfTheCheckout(t *testing.T) {
	t.Parallel()
	script := readText(t, "django_bridge/src/django_sespan/static/django_sespan/checkout.js")
	template := readText(t, "django_bridge/src/django_sespan/templates/django_sespan/checkout.html")
	_, page, _ := strings.Cut(readText(t, "docs/errors.md"), "\n## The checkout's script\n")

	again := regexp.MustCompile(`RETRYABLE = new Set\(\[([\d, ]+)\]\)`).FindStringSubmatch(script)
	if again == nil || !strings.Contains(page, "\nAnswers of "+again[1]+", and none at all, are tried again: three times in all") || !strings.Contains(script, "attempts = 3,") {
		t.Errorf("what is tried again is not as in the script: %v", again)
	}
	for _, rule := range []string{
		`if (error.code === "unauthorized") return "login";`, `return error.status === 429 || error.status === 503 ? "busy" : "error";`, // so do the lines below
		`const LONGEST_WAIT = 5000;`, `timeout = 8000,`, `300 * 2 ** attempt * (0.5 + Math.random())`,
	} {
		if !strings.Contains(script, rule) {
			t.Errorf("the script has no %q any more: see what the page says", rule)
		}
	}
	for _, text := range []string{"login", "busy", "error"} {
		m := regexp.MustCompile(`data-text-` + text + `="\{% translate '([^']+)' %\}"`).FindStringSubmatch(template)
		if m == nil || !strings.Contains(page, "\n| `"+text+"` | "+m[1]+" |\n") {
			t.Errorf("the text %s is not that of the template: %v", text, m)
		}
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (\\d{3}|–|any) \\| [^|]+ \\| (yes|no|by status) \\| (`[a-z]+`|–|by status) \\|$").FindAllStringSubmatch(page, -1) {
		code, status, repeat, text := m[1], m[2], m[3], m[4]
		shown[code] = true
		if code == "invalid-response" || code == "aborted" {
			continue
		}
		want := "`error`"
		if code == "unauthorized" {
			want = "`login`"
		} else if status == "429" || status == "503" {
			want = "`busy`"
		}
		if tried := again != nil && (status == "–" || strings.Contains(again[1], status)); tried != (repeat == "yes") || text != want {
			t.Errorf("%s: tried again: %t, text %s", code, tried, want)
		}
	}
	for _, m := range regexp.MustCompile(`SespanError\("([a-z-]+)"|const code = [^"]*"([a-z-]+)" : "([a-z-]+)"`).FindAllStringSubmatch(script, -1) {
		for _, code := range m[1:] {
			if code != "" && !shown[code] {
				t.Errorf("docs/errors.md has no line for %s", code)
			}
		}
	}
	for _, m := range regexp.MustCompile(`problem\(\d+, "([a-z-]+)"`).FindAllStringSubmatch(readText(t, "django_bridge/src/django_sespan/views/checkout.py"), -1) {
		if !shown[m[1]] {
			t.Errorf("docs/errors.md has no line for %s of the site", m[1])
		}
	}
}
