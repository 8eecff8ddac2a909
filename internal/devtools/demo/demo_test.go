package demo

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABusyPortIsReplacedAndReported(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().(*net.TCPAddr).Port
	var lines []string
	p, err := choosePorts(busy, func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	if p.shop == busy || !strings.Contains(strings.Join(lines, "\n"), "the shop takes") {
		t.Errorf("port %d is busy, the shop took %d and said %q", busy, p.shop, lines)
	}
	seen := map[int]bool{}
	for _, port := range []int{p.shop, p.api, p.admin, p.smtp, p.inbox, p.postgres} {
		if seen[port] {
			t.Errorf("port %d was given twice", port)
		}
		seen[port] = true
	}
}

func TestStateIsKeptAndADamagedOneIsReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	first, err := loadState(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadState(path)
	if err != nil || *second != *first || first.ShopPassword == "" {
		t.Errorf("got %+v, %v, want the passwords of the first run", second, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the passwords: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadState(path); err == nil || !strings.Contains(err.Error(), "--reset") {
		t.Errorf("a damaged state: %v", err)
	}
}

func TestAFailingProgramShowsTheEndOfItsLog(t *testing.T) {
	t.Parallel()
	d := &demo{Options: Options{Dir: t.TempDir()}}
	if err := os.Mkdir(d.path("log"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := d.run(context.Background(), command{name: "step", args: []string{"sh", "-c", "echo the reason; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v", err)
	}
}

func TestAnEarlierDatabaseURLGetsThisRunsPort(t *testing.T) {
	t.Parallel()
	got, err := withHost("postgres://sespan_serve:x@127.0.0.1:5000/shop?sslmode=disable", "127.0.0.1:5001")
	if want := "postgres://sespan_serve:x@127.0.0.1:5001/shop?sslmode=disable"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestSespanIsNamedOrStandsBeside(t *testing.T) {
	t.Parallel()
	named := filepath.Join(t.TempDir(), "sespan")
	if err := os.WriteFile(named, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := findSespan(named); err != nil || got != named {
		t.Errorf("got %s, %v", got, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(filepath.Dir(self), "sespan")
	if _, err := findSespan(""); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--sespan") {
		t.Errorf("got %v, want that there is none at %s and what to do", err, want)
	}
}

func TestWithoutAPrometheusTheDemonstrationSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out strings.Builder
	d := &demo{Options: Options{Source: filepath.Join(t.TempDir(), "django_bridge")}, console: newConsole(&out)}
	if err := d.startPrometheus(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "apt-get install prometheus") || strings.Count(strings.TrimSpace(out.String()), "\n") > 0 || d.ports.prometheus != 0 || len(d.children) > 0 {
		t.Errorf("it says %q and takes port %d", out.String(), d.ports.prometheus)
	}
}
