package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packageCache is where Debian's packages are unpacked; they stay for the next run.
const packageCache = ".cache/mailservers"

const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// release is one of Debian, whose packages apt fetches and checks beside
// those of this machine.
type release struct {
	name string
	dir  string
}

func newRelease(ctx context.Context, name string) (*release, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the mail servers need root: they change their root folder and user")
	}
	dir, err := filepath.Abs(filepath.Join(packageCache, name))
	if err != nil {
		return nil, err
	}
	d := &release{name: name, dir: dir}
	for _, folder := range []string{"lists/partial", "parts", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil { //nolint:gosec // nothing secret
			return nil, err
		}
	}
	const line = "deb [signed-by=" + debianKeys + "] http://deb.debian.org/"
	sources := line + "debian " + name + " main\n" + line + "debian-security " + name + "-security main\n"
	for file, text := range map[string]string{"sources.list": sources, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil { //nolint:gosec // nothing secret
			return nil, err
		}
	}
	return d, d.run(ctx, "apt-get", "update")
}

// run calls apt with this release's lists, as if nothing were installed.
func (d *release) run(ctx context.Context, tool string, args ...string) error {
	at := func(name string) string { return filepath.Join(d.dir, name) }
	args = append([]string{
		"-qq", "-o", "Dir::Etc::sourcelist=" + at("sources.list"), "-o", "Dir::Etc::sourceparts=" + at("parts"),
		"-o", "Dir::State::lists=" + at("lists"), "-o", "Dir::State::status=" + at("status"), "-o", "Dir::Cache=" + at("cache"),
		"-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
	}, args...)
	return runCommand(exec.CommandContext(ctx, tool, args...)) //nolint:gosec // apt with our own arguments
}

// runCommand runs a command; its output is part of the error.
func runCommand(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// newRoot gives a fresh root folder with a package and all that it needs.
func (d *release) newRoot(ctx context.Context, pkg, dir string) (*root, error) {
	kept := filepath.Join(d.dir, pkg)
	if versionIn(kept) == "" {
		if err := d.unpack(ctx, pkg, kept); err != nil {
			return nil, err
		}
	}
	if err := runCommand(exec.CommandContext(ctx, "cp", "-a", kept, dir)); err != nil { //nolint:gosec // our own paths
		return nil, err
	}
	r, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	return r, errors.Join(r.addSystemFiles(), r.addDevices())
}

// unpack keeps a package and all that it needs.
func (d *release) unpack(ctx context.Context, pkg, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	archives := filepath.Join(d.dir, "archives-"+pkg)
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil { //nolint:gosec // nothing secret
		return err
	}
	defer os.RemoveAll(archives) //nolint:errcheck // a cache
	err := d.run(ctx, "apt-get", "install", "-y", "--download-only", "--no-install-recommends", "-o", "Dir::Cache::archives="+archives, pkg, "dash", "coreutils")
	if err != nil {
		return err
	}
	r, err := openRoot(dir)
	if err != nil {
		return err
	}
	defer r.Close()                                                //nolint:errcheck // a folder
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} { // as base-files has them
		if err := errors.Join(r.MkdirAll("usr/"+name, 0o755), r.Symlink("usr/"+name, name)); err != nil {
			return err
		}
	}
	packages, _ := filepath.Glob(filepath.Join(archives, "*.deb")) // the pattern is right
	for _, p := range packages {
		if err := r.unpack(ctx, p); err != nil {
			return err
		}
	}
	found, _ := filepath.Glob(filepath.Join(archives, pkg+"_*.deb"))
	if len(found) != 1 {
		return fmt.Errorf("apt fetched no %s", pkg)
	}
	return r.write(".version", 0o644, strings.Split(filepath.Base(found[0]), "_")[1])
}

// versionIn is the package's version, "" before it is there as a whole.
func versionIn(dir string) string {
	v, _ := os.ReadFile(filepath.Join(dir, ".version")) //nolint:gosec // our own folder
	return string(v)
}
