package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sespan"
)

func contentOf(tb testing.TB, path string) string {
	tb.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

// versions are those that a checkout names: of the file VERSION, as Python writes it, and
// of the OpenAPI document.
func versions(t *testing.T, folder string) (version, python, contract string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^__version__ = "(.*)"$`).FindStringSubmatch(contentOf(t, filepath.Join(folder, "django_bridge/src/django_sespan/__init__.py")))
	if found == nil {
		t.Fatal("the bridge has no version")
	}
	var document struct{ Info struct{ Version string } }
	if err := json.Unmarshal([]byte(contentOf(t, filepath.Join(folder, "docs/openapi.json"))), &document); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(contentOf(t, filepath.Join(folder, "VERSION"))), found[1], document.Info.Version
}

// The file VERSION is the one source: program, packages, OpenAPI and wheel follow it.
func TestThereIsOneVersion(t *testing.T) {
	t.Parallel()
	version, python, contract := versions(t, root)
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-dev)?$`).MatchString(version) {
		t.Errorf("VERSION holds %q", version)
	}
	if want := strings.Replace(version, "-dev", ".dev0", 1); python != want {
		t.Errorf("the bridge's version is %q, not %q", python, want)
	}
	if contract != version || sespan.Version() != version {
		t.Errorf("OpenAPI has %q, the program %q, VERSION %q", contract, sespan.Version(), version)
	}
	first := regexp.MustCompile(`(?m)^## \[([^\]]+)\]`).FindStringSubmatch(contentOf(t, filepath.Join(root, "CHANGELOG.md")))
	if want := map[bool]string{true: "Unreleased", false: version}[strings.HasSuffix(version, "-dev")]; first == nil || first[1] != want {
		t.Errorf("the changelog begins with %q, not %q", first, want)
	}
}

func TestABuildOfNoReleaseNamesItsCommit(t *testing.T) {
	t.Parallel()
	want := sespan.Version()
	if strings.HasSuffix(want, "-dev") {
		want += "+2ddae1f"
	}
	if got := sespan.Build("2ddae1f"); got != want || sespan.Build("") != sespan.Version() {
		t.Errorf("%q, want %q", got, want)
	}
}

// checkout is a repository of its own with what a release changes.
func checkout(t *testing.T) (folder string, run func(name string, args ...string) (string, error)) {
	t.Helper()
	folder = t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "docs/openapi.json", "django_bridge/src/django_sespan/__init__.py", "packaging/release"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(contentOf(t, filepath.Join(root, name))), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(folder, "sql"), os.DirFS(filepath.Join(root, "sql"))); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"VERSION": "77.0.0-dev\n", "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- Something new.\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run = func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b.co", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b.co", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-qm", "all"}} {
		if out, err := run("git", args...); err != nil {
			t.Fatal(out, err)
		}
	}
	return folder, run
}

// The procedure of CONTRIBUTING, in a repository of its own: from then on a change to a
// released migration is refused.
func TestARelease(t *testing.T) {
	t.Parallel()
	folder, run := checkout(t)
	const release = "77.0.0"
	for args, want := range map[string]string{
		"":                "give two versions",
		release:           "give two versions",
		release + " next": "give two versions",
		"9.9.9 10.0.0":    "VERSION says ",
	} {
		if out, err := run("packaging/release", strings.Fields(args)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("release %q: %v, %s, want %q", args, err, out, want)
		}
	}
	out, err := run("packaging/release", release, "99.0.0")
	if err != nil {
		t.Fatal(out, err)
	}
	migrations, err := filepath.Glob(filepath.Join(folder, "sql/migrations/*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if listed := strings.Count(contentOf(t, filepath.Join(folder, "sql/released")), ".sql\n"); listed != len(migrations) {
		t.Errorf("%d of %d migrations are listed", listed, len(migrations))
	}
	if version, python, contract := versions(t, folder); version != "99.0.0-dev" || python != "99.0.0.dev0" || contract != version {
		t.Errorf("the next versions are %q, %q, %q", version, python, contract)
	}
	if log := contentOf(t, filepath.Join(folder, "CHANGELOG.md")); !strings.Contains(log, "## [Unreleased]\n\n## ["+release+"] - 20") {
		t.Errorf("the changelog begins:\n%.400s", log)
	}
	if out, err := run("git", "checkout", "-q", "v"+release); err != nil {
		t.Fatal(out, err)
	}
	if version, python, contract := versions(t, folder); version != release || python != release || contract != release {
		t.Errorf("the released versions are %q, %q, %q", version, python, contract)
	}
	changed := migrations[len(migrations)-1]
	if err := os.WriteFile(changed, []byte(contentOf(t, changed)+" "), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run("go", "test", "./sql"); err == nil || !strings.Contains(out, filepath.Base(changed)+" was released and has changed") {
		t.Errorf("a change to a released migration: %v\n%s", err, out)
	}
	if out, err := run("git", "checkout", "-qf", "main"); err != nil {
		t.Fatal(out, err)
	}
	releaseAgain(t, folder, run, len(migrations)+1)
}

// releaseAgain adds a migration that defines anew what the first release has, and makes
// the second one of it.
func releaseAgain(t *testing.T, folder string, run func(string, ...string) (string, error), number int) {
	t.Helper()
	added := fmt.Sprintf("%03d_anew.sql", number)
	for name, text := range map[string]string{
		"sql/migrations/" + added: "CREATE OR REPLACE FUNCTION sespan.mail_attach(list jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT list';\n",
		"CHANGELOG.md":            strings.Replace(contentOf(t, filepath.Join(folder, "CHANGELOG.md")), "## [Unreleased]\n", "## [Unreleased]\n\n- Something more.\n", 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"git", "add", "-A"}, {"git", "commit", "-qm", "more"}, {"packaging/release", "99.0.0", "100.0.0"}} {
		if out, err := run(args[0], args[1:]...); err != nil {
			t.Fatal(out, err)
		}
	}
	if out, err := run("git", "diff", "--numstat", "v77.0.0", "v99.0.0", "--", "sql/released"); err != nil || !strings.HasPrefix(out, "1\t0\t") {
		t.Errorf("the list of the second release: %v, %q, want one line more", err, out)
	}
	if list := contentOf(t, filepath.Join(folder, "sql/released")); !strings.HasSuffix(list, "  "+added+"\n") {
		t.Errorf("%s is not the last one listed", added)
	}
}
