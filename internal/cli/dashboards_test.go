package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sespan/grafana"
)

// export runs the command and gives the texts of the files that are there afterwards.
func export(t *testing.T, dir string, flags ...string) (files map[string]string, err error) {
	t.Helper()
	_, _, err = command(t, append([]string{"dashboards", "export", dir}, flags...)...)
	files = map[string]string{}
	walk := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(text)
		return err
	})
	if walk != nil {
		t.Fatal(walk)
	}
	return files, err
}

func TestDashboardsExport(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	files, err := export(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(files["runbooks/SespanMailDead.md"], "# SespanMailDead") {
		t.Errorf("no runbook: %q", files["runbooks/SespanMailDead.md"])
	}
	for _, name := range []string{"grafana.ini", "nginx.conf", "provisioning/datasources/sespan.yml", "provisioning/dashboards/sespan.yml", "dashboards/overview.json", "prometheus/prometheus.yml", "prometheus/sespan-mail.rules.yml"} {
		want, err := grafana.Files.ReadFile(name)
		if err != nil || files[name] != string(want) {
			t.Errorf("%s: %v, %d bytes", name, err, len(files[name]))
		}
	}
	for name, text := range files {
		if filepath.Ext(name) == ".md" {
			for _, link := range regexp.MustCompile(`\]\(([^):#]+)[#)]`).FindAllStringSubmatch(text, -1) {
				if _, err := os.Stat(filepath.Join(dir, filepath.Dir(name), link[1])); err != nil {
					t.Errorf("%s links to %s, which was not written", name, link[1])
				}
			}
		}
		if strings.Contains(name, "_test") || strings.Contains(name, "unfinished") {
			t.Errorf("%s was written", name)
		}
	}
}

// Every link has its address, and the files are still what they were.
func TestDashboardsExportAddresses(t *testing.T) {
	t.Parallel()
	files, err := export(t, t.TempDir(), "--grafana-url=https://ops.example/grafana/", "--runbooks-url=https://docs.example/runbooks")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(files["dashboards/overview.json"], `"url": "https://docs.example/runbooks/README.md"`) {
		t.Error("the dashboards do not link to the runbooks")
	}
	for name, text := range files {
		if strings.Contains(text, "docs/runbooks/") || strings.Contains(text, `"/d/`) {
			t.Errorf("%s has a link without its address", name)
		}
		var content any
		switch filepath.Ext(name) {
		case ".json":
			err = json.Unmarshal([]byte(text), &content)
		case ".yml":
			err = yaml.Unmarshal([]byte(text), &content)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDashboardsExportRefusesAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"grafana", "ftp://a.example", "https://", "https://u:p@a.example", "https://a.example/?x=1", "https://a.example/#x", `https://a.example/$x`, "javascript:alert(1)"} {
		dir := filepath.Join(t.TempDir(), "new")
		_, _, err := command(t, "dashboards", "export", dir, "--grafana-url="+address)
		if err == nil || !strings.Contains(err.Error(), "--grafana-url") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s gives %v", address, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: the folder was made all the same", address)
		}
	}
}

// What somebody else wrote or changed stays, and nothing beside it changes; what an
// export wrote is replaced by the next.
func TestDashboardsExportKeepsFilesOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := export(t, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := export(t, dir, "--runbooks-url=https://one.example"); err != nil {
		t.Fatalf("its own files: %v", err)
	}
	mine, other := filepath.Join(dir, "dashboards/codes.json"), filepath.Join(dir, "dashboards/mine.json")
	for _, name := range []string{mine, other} {
		if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := export(t, dir, "--runbooks-url=https://two.example")
	if err == nil || !strings.Contains(err.Error(), "dashboards/codes.json") || !strings.Contains(err.Error(), "--force") || strings.Contains(err.Error(), "overview") {
		t.Errorf("a changed file: %v", err)
	}
	if files["dashboards/codes.json"] != "mine" || !strings.Contains(files["dashboards/overview.json"], "one.example") {
		t.Error("something was written")
	}
	files, err = export(t, dir, "--runbooks-url=https://two.example", "--force")
	if err != nil || files["dashboards/codes.json"] == "mine" || files["dashboards/mine.json"] != "mine" || !strings.Contains(files["dashboards/overview.json"], "two.example") {
		t.Errorf("with --force: %v", err)
	}
}

// A link that somebody left in the folder leads nowhere else.
func TestDashboardsExportStaysInItsFolder(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "dashboards")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := command(t, "dashboards", "export", dir, "--force"); err == nil {
		t.Error("it followed the link")
	}
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// What is written meanwhile, or left by a failure, is read by neither Grafana nor Prometheus.
func TestDashboardsExportLeavesNoHalfFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "prometheus", "prometheus.yml", "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := export(t, dir, "--force")
	if err == nil {
		t.Error("a folder was overwritten")
	}
	for name := range files {
		if strings.Contains(name, "unfinished") {
			t.Errorf("%s was left", name)
		}
	}
}
