package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pagesOfTheTree are the pages that people read, by their path in the repository.
func pagesOfTheTree(tb testing.TB) map[string]string {
	tb.Helper()
	pages := map[string]string{}
	read := func(name string) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			tb.Fatal(err)
		}
		pages[name] = string(text)
	}
	for _, name := range []string{"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "django_bridge/README.md"} {
		read(name)
	}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			relative, failed := filepath.Rel(root, name)
			if failed != nil {
				return failed
			}
			read(filepath.ToSlash(relative))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return pages
}

var (
	fences  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that a page's headings have in links.
func anchors(page string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(fences.ReplaceAllString(page, ""), -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		names = append(names, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(text), ""), " ", "-"))
	}
	return names
}

// deadLinks gives the links within the tree that lead nowhere.
func deadLinks(pages map[string]string, exists func(string) bool) (dead []string) {
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			page, isPage := pages[to]
			switch {
			case !isPage && !exists(to):
				dead = append(dead, fmt.Sprintf("%s: %s leads to no file", name, m[1]))
			case anchor != "" && !slices.Contains(anchors(page), anchor):
				dead = append(dead, fmt.Sprintf("%s: %s leads to no heading", name, m[1]))
			}
		}
	}
	slices.Sort(dead)
	return dead
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := pagesOfTheTree(t)
	exists := func(name string) bool { _, err := os.Stat(filepath.Join(root, name)); return err == nil }
	for _, fault := range deadLinks(pages, exists) {
		t.Error(fault)
	}
}

func TestDeadLinks(t *testing.T) {
	t.Parallel()
	got := deadLinks(map[string]string{
		"README.md": "[a](docs/a.md#the-word-x) [b](docs/b.md) [c](docs/a.md#gone) [d](https://d.example/#e) [f](LICENSE)\n```\n[g](g.md)\n```\n",
		"docs/a.md": "# The word `x`!\n[up](../README.md) [here](#here)\n",
	}, func(name string) bool { return name == "LICENSE" })
	want := []string{
		"README.md: docs/a.md#gone leads to no heading", "README.md: docs/b.md leads to no file", "docs/a.md: #here leads to no heading",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// The index by reader has every page once; those of the alerts stand in their own index.
func TestTheIndexHasEveryPage(t *testing.T) {
	t.Parallel()
	pages := pagesOfTheTree(t)
	index := pages["docs/README.md"]
	for name := range pages {
		page, ours := strings.CutPrefix(name, "docs/")
		if !ours || page == "README.md" || strings.HasPrefix(page, "runbooks/Sespan") {
			continue
		}
		if n := strings.Count(index, "\n| ["+page+"]("+page+") | "); n != 1 {
			t.Errorf("docs/README.md has %d lines for %s, want one", n, page)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([^)]+)\)`).FindAllStringSubmatch(index, -1) {
		if _, err := os.Stat(filepath.Join(root, "docs", m[2])); err != nil || m[1] != m[2] {
			t.Errorf("docs/README.md has a line for %s (%s), which is no page", m[2], m[1])
		}
	}
}
