package sql

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var releasedLine = regexp.MustCompile(`^([0-9a-f]{64})  ([0-9]{3}_[a-z_]+\.sql)$`)

// parseReleased gives the hash of each file of a release, as sha256sum lists them.
func parseReleased(list string) (map[string]string, error) {
	sums := map[string]string{}
	var problems []error
	for _, line := range strings.Split(strings.TrimRight(list, "\n"), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := releasedLine.FindStringSubmatch(line); m != nil {
			sums[m[2]] = m[1]
		} else {
			problems = append(problems, fmt.Errorf("line %q is not of the form <SHA-256>, two spaces, <name>", line))
		}
	}
	return sums, errors.Join(problems...)
}

func releasedList() (map[string]string, error) {
	list, err := os.ReadFile("released")
	if err != nil {
		return nil, err
	}
	return parseReleased(string(list))
}

// checkReleased compares the listed files of releases with those that are there.
func checkReleased(list string, files fs.FS) error {
	sums, err := parseReleased(list)
	problems := []error{err}
	for name, want := range sums {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s was released and is gone: %w", name, err))
			continue
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
			problems = append(problems, fmt.Errorf("%s was released and has changed: put it back, and add a migration with a new number", name))
		}
	}
	return errors.Join(problems...)
}

func TestReleasedMigrationsAreNotChanged(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("released")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkReleased(string(list), Migrations()); err != nil {
		t.Error(err)
	}
}

func TestCheckReleased(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("SELECT 1;\n"))
	line := hex.EncodeToString(sum[:]) + "  001_schema.sql\n"
	files := func(text string) fs.FS {
		return fstest.MapFS{"001_schema.sql": {Data: []byte(text)}, "002_new.sql": {Data: []byte("x")}}
	}
	for name, c := range map[string]struct {
		list  string
		files fs.FS
		want  string // empty: no problem
	}{
		"nothing released":  {"# a comment\n\n", files("SELECT 1;\n"), ""},
		"as released":       {"# a comment\n" + line, files("SELECT 1;\n"), ""},
		"changed":           {line, files("SELECT 2;\n"), "001_schema.sql was released and has changed"},
		"a space":           {line, files("SELECT 1; \n"), "001_schema.sql was released and has changed"},
		"gone":              {strings.Replace(line, "001_schema", "001_gone", 1), files("SELECT 1;\n"), "001_gone.sql was released and is gone"},
		"one of several":    {line + strings.Replace(line, "001_schema", "002_new", 1), files("SELECT 1;\n"), "002_new.sql was released and has changed"},
		"not a line of it":  {"001_schema.sql\n", files("SELECT 1;\n"), "is not of the form"},
		"one space":         {strings.Replace(line, "  ", " ", 1), files("SELECT 1;\n"), "is not of the form"},
		"not the folder of": {strings.Replace(line, "001", "../001", 1), files("SELECT 1;\n"), "is not of the form"},
	} {
		err := checkReleased(c.list, c.files)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
