package monitoring

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sespan/grafana"
)

// Program finds Prometheus: on the PATH, or where the Makefile unpacks Debian's package in
// the checkout; "" where it is not.
func Program(checkout string) string {
	if found, err := exec.LookPath("prometheus"); err == nil {
		return found
	}
	unpacked, err := filepath.Abs(filepath.Join(checkout, ".cache", "bin", "prometheus"))
	if err != nil {
		return ""
	}
	if info, err := os.Stat(unpacked); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return ""
	}
	return unpacked
}

const placeholder = `targets: ["127.0.0.1:9090"]`

var intervals = regexp.MustCompile(`(?m)^( +)(scrape_interval|scrape_timeout|evaluation_interval|interval): \w+`)

// Configure writes prometheus.yml and the rules that ship into a folder, and gives the
// arguments of a Prometheus that scrapes the admin port of a `sespan serve`, keeps its data
// there too and listens at an address. every replaces all intervals, 0 keeps them.
func Configure(folder, admin, listen string, every time.Duration) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // no secret is in it
		return nil, err
	}
	names, err := fs.Glob(grafana.Files, "prometheus/*.yml")
	if err != nil {
		return nil, err
	}
	placed := 0
	for _, name := range names {
		raw, err := fs.ReadFile(grafana.Files, name)
		if err != nil {
			return nil, err
		}
		placed += strings.Count(string(raw), placeholder)
		text := strings.ReplaceAll(string(raw), placeholder, fmt.Sprintf("targets: [%q]", admin))
		if every > 0 {
			text = intervals.ReplaceAllString(text, "${1}${2}: "+every.String())
		}
		if err := os.WriteFile(filepath.Join(folder, path.Base(name)), []byte(text), 0o644); err != nil { //nolint:gosec // no secret is in it
			return nil, err
		}
	}
	if placed != 1 {
		return nil, fmt.Errorf("the files of Prometheus have %s %d times, want it once", placeholder, placed)
	}
	return []string{
		"--config.file=" + filepath.Join(folder, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(folder, "data"),
		"--web.listen-address=" + listen, "--log.level=warn",
	}, nil
}
