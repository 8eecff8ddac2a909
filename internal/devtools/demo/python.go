package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// preparePython makes the virtual environment of the shop, once for each state of
// its requirements.
func (d *demo) preparePython(ctx context.Context) error {
	want, err := d.requirements()
	if err != nil {
		return err
	}
	stamp := d.path("python.stamp")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want { //nolint:gosec // our own file
		return nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	if err := d.run(ctx, command{name: "venv", args: []string{python, "-m", "venv", "--clear", d.path("venv")}}); err != nil {
		return fmt.Errorf("%w\nOn Debian and Ubuntu: apt-get install python3-venv", err)
	}
	pip := []string{
		d.python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"-r", filepath.Join("example", "requirements.txt"),
	}
	if err := d.run(ctx, command{name: "pip", args: pip, dir: d.Source}); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o600)
}

func (d *demo) python() string { return d.path(filepath.Join("venv", "bin", "python")) }

// requirements is the state of what the environment is made of.
func (d *demo) requirements() (string, error) {
	h := sha256.New()
	for _, name := range []string{"pyproject.toml", filepath.Join("example", "requirements.txt")} {
		raw, err := os.ReadFile(filepath.Join(d.Source, name)) //nolint:gosec // the checkout's own files
		if err != nil {
			return "", err
		}
		h.Write(raw)
	}
	return d.Source + " " + hex.EncodeToString(h.Sum(nil)), nil
}

const pythonTest = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"

// findPython gives a Python of at least 3.11 with venv.
func findPython(ctx context.Context) (string, error) {
	candidates := []string{os.Getenv("PYTHON"), "python3", "python3.13", "python3.12", "python3.11"}
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if name == "" || err != nil {
			continue
		}
		if exec.CommandContext(ctx, path, "-c", pythonTest).Run() == nil { //nolint:gosec // the user's own Python
			return path, nil
		}
	}
	return "", errors.New("the shop needs Python 3.11 or newer with venv: install it (Debian, Ubuntu: apt-get install python3 python3-venv), or set PYTHON=/path/to/python3.12")
}
