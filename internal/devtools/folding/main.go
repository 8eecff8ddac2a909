// Command folding finds code that puts an identifier into upper or lower case by
// other means than internal/address and its siblings: by the database's locale, which
// in Turkish has another pair for i, or by a table that knows no domains. What folds
// something else says so in allowed.txt, with its reason:
//
//	go run ./internal/devtools/folding
package main

import (
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed allowed.txt
var allowed string

// rule says what is looked for in files of an ending, and what makes a line well.
type rule struct {
	folders []string
	ending  string
	folds   *regexp.Regexp
	fine    *regexp.Regexp
}

const identifier = `(?i)[^#]*(mail|address|domain|recipient|sender|login|host)`

var rules = []rule{
	{
		[]string{"sql", "queries"},
		".sql", regexp.MustCompile(`(?i)\b(lower|upper|initcap)\s*\(|~\*|\bilike\b`),
		regexp.MustCompile(`COLLATE (pg_catalog\.)?"C"|^\s*--`),
	},
	{
		[]string{"django_bridge/src", "django_bridge/example"},
		".py",
		regexp.MustCompile(`__i(exact|contains|startswith|endswith|regex)|\bcasefold\(|\b(Lower|Upper)\(|(?i:\b(ilike|lower|upper)\(\w)`), nil,
	},
	{
		[]string{"django_bridge/src", "django_bridge/example"},
		".py",
		regexp.MustCompile(identifier + `.*\.(lower|upper|swapcase)\(|\.(lower|upper|swapcase)\(` + identifier), nil,
	},
	{
		[]string{"internal", "cmd"},
		".go",
		regexp.MustCompile(identifier + `.*\b(strings|bytes)\.(ToLower|ToUpper|EqualFold)\(|\b(strings|bytes)\.(ToLower|ToUpper|EqualFold)\(` + identifier), nil,
	},
	{
		[]string{"internal", "cmd"},
		".go", regexp.MustCompile(`(?i)"[^"]*\b(lower|upper)\((email|address|recipient|sender|login)|\bilike\b|idna\.(Lookup|Punycode|Registration|Display)`),
		regexp.MustCompile(`COLLATE "C"`),
	},
}

func main() {
	allow := read(allowed)
	found := 0
	for _, r := range rules {
		for _, folder := range r.folders {
			if err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || !strings.HasSuffix(path, r.ending) || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/devtools/") {
					return err
				}
				found += r.look(path, allow)
				return nil
			}); err != nil {
				fmt.Fprintln(os.Stderr, "folding:", err)
				os.Exit(1)
			}
		}
	}
	for line, used := range allow {
		if !used {
			fmt.Printf("allowed.txt: nothing needs %s\n", line)
			found++
		}
	}
	if found > 0 {
		fmt.Println("Identifiers are compared by their key (internal/address, sespan.address_key, django_sespan._internal.address); what else is folded in SQL takes COLLATE \"C\". See docs/glossary.md, address key.")
		os.Exit(1)
	}
}

// read gives the allowed lines: "path: part of the line  # reason".
func read(text string) map[string]bool {
	allow := map[string]bool{}
	for line := range strings.Lines(text) {
		entry, reason, _ := strings.Cut(strings.TrimSpace(line), "  # ")
		if entry != "" && reason != "" {
			allow[entry] = false
		}
	}
	return allow
}

func (r rule) look(path string, allow map[string]bool) (found int) {
	text, err := os.ReadFile(path) //nolint:gosec // of this repository
	if err != nil {
		fmt.Println(err)
		return 1
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if !r.folds.MatchString(line) || r.fine != nil && r.fine.MatchString(line) || isAllowed(path, line, allow) {
			continue
		}
		fmt.Printf("%s:%d: %s\n", path, n, strings.TrimSpace(line))
		found++
	}
	return found
}

func isAllowed(path, line string, allow map[string]bool) bool {
	for entry := range allow {
		if file, part, _ := strings.Cut(entry, ": "); file == path && strings.Contains(line, part) {
			allow[entry] = true
			return true
		}
	}
	return false
}
