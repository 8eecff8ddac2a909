package monitoring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigure(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration][2]string{0: {"scrape_interval: 15s", "interval: 5m"}, time.Second: {"scrape_interval: 1s", "interval: 1s"}} {
		folder := t.TempDir()
		args, err := Configure(folder, "127.0.0.1:1234", "127.0.0.1:5678", every)
		if err != nil {
			t.Fatal(err)
		}
		if line := strings.Join(args, " "); !strings.Contains(line, folder+"/prometheus.yml") || !strings.Contains(line, "--web.listen-address=127.0.0.1:5678") {
			t.Errorf("arguments %s", line)
		}
		for name, parts := range map[string][]string{
			"prometheus.yml": {want[0], `targets: ["127.0.0.1:1234"]`, "rule_files: [sespan-*.rules.yml]"}, "sespan-otp.rules.yml": {want[1]},
		} {
			text, err := os.ReadFile(filepath.Join(folder, name))
			for _, part := range parts {
				if err != nil || !strings.Contains(string(text), part) {
					t.Errorf("%s has no %s: %v", name, part, err)
				}
			}
		}
	}
}

// What is on the PATH goes before what the Makefile unpacked; a file that cannot be run is none.
func TestProgram(t *testing.T) {
	installed, checkout := t.TempDir(), t.TempDir()
	t.Setenv("PATH", installed)
	program := filepath.Join(checkout, ".cache", "bin", "prometheus")
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		path string
		mode os.FileMode
		want string
	}{{program, 0o600, ""}, {program, 0o700, program}, {filepath.Join(installed, "prometheus"), 0o700, filepath.Join(installed, "prometheus")}} {
		put(step.path, step.mode)
		if got := Program(checkout); got != step.want {
			t.Errorf("with %s of mode %o it is %q, want %q", step.path, step.mode, got, step.want)
		}
	}
}
