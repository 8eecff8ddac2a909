package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mostLines bounds a hand-written file: a longer one hides a concept.
const mostLines = 400

// The linter bounds functions; this bounds files, in every language.
func TestFilesStayShort(t *testing.T) {
	t.Parallel()
	read := 0
	for _, top := range []string{"cmd", "internal", "sql", "queries", "django_bridge/src", "django_bridge/tests", "django_bridge/e2e", "django_bridge/example"} {
		err := fs.WalkDir(os.DirFS(filepath.Join(root, top)), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !handWritten(path) {
				return err
			}
			raw, err := os.ReadFile(filepath.Join(root, top, path))
			if err != nil {
				return err
			}
			read++
			if lines := bytes.Count(raw, []byte("\n")); lines > mostLines {
				t.Errorf("%s/%s has %d lines, at most %d are allowed: look for the second concept in it", top, path, lines, mostLines)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 500 {
		t.Errorf("only %d files were read", read)
	}
}

func handWritten(path string) bool {
	switch filepath.Ext(path) {
	case ".go", ".sql", ".py", ".js":
		return !strings.Contains(filepath.ToSlash(path), "dbsqlc/") && !strings.Contains(filepath.ToSlash(path), "node_modules/")
	}
	return false
}
