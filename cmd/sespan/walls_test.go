package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// walls are the rules of depguard, the linter that says which package may import which.
type walls map[string]struct {
	Files []string
	Deny  []struct{ Pkg, Desc string }
}

func readWalls(t *testing.T) walls {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules walls }
			}
		}
	}
	if err := yaml.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c.Linters.Settings.Depguard.Rules
}

// names tells whether a pattern of files names a package's files; a pattern for all
// files names none.
func names(pattern, folder string) bool {
	if strings.HasPrefix(pattern, "!") || strings.HasPrefix(pattern, "$") {
		return false
	}
	expression := regexp.QuoteMeta(pattern)
	expression = strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`).Replace(expression)
	return regexp.MustCompile("^" + expression + "$").MatchString("/sespan/" + folder + "/file.go")
}

// packages are the folders that hold Go files which are no tests.
func packages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, top := range []string{"cmd", "internal"} {
		err := fs.WalkDir(os.DirFS(root), top, func(path string, d fs.DirEntry, err error) error {
			folder := filepath.ToSlash(filepath.Dir(path))
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !slices.Contains(found, folder) {
				found = append(found, folder)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// A package that no rule names could import whatever it likes.
func TestEveryPackageHasAWall(t *testing.T) {
	t.Parallel()
	rules := readWalls(t)
	all := packages(t)
	if len(all) < 20 || len(rules) < 10 {
		t.Fatalf("%d packages and %d rules: the test does not read them as it should", len(all), len(rules))
	}
	for _, folder := range all {
		named := false
		for _, rule := range rules {
			named = named || slices.ContainsFunc(rule.Files, func(pattern string) bool { return names(pattern, folder) })
		}
		if !named {
			t.Errorf("no rule of depguard in .golangci.yml names %s; say what it may import", folder)
		}
	}
	for name, rule := range rules {
		for _, deny := range rule.Deny {
			if deny.Desc == "" {
				t.Errorf("the rule %s does not say why %s is denied", name, deny.Pkg)
			}
		}
		for _, pattern := range rule.Files {
			if !strings.HasPrefix(pattern, "$") && pattern != "!$test" && !slices.ContainsFunc(all, func(folder string) bool { return names(strings.TrimPrefix(pattern, "!"), folder) }) {
				t.Errorf("%s of the rule %s names no package", pattern, name)
			}
		}
	}
}
