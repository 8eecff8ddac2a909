package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// relayCache is where Debian's packages are unpacked; they stay for the next run.
const relayCache = ".cache/relays"

const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Who is who in a root: the numbers are its own affair.
const (
	sinkID    = 1000 // owns the mailboxes
	ownerID   = 501  // owns the mail server's files
	queueID   = 502  // owns OpenSMTPD's queue; Postfix's group for dropping mail
	rootUsers = `root:x:0:0::/root:/bin/sh
postfix:x:501:501::/nonexistent:/bin/false
Debian-exim:x:501:501::/nonexistent:/bin/false
opensmtpd:x:501:501::/nonexistent:/bin/false
opensmtpq:x:502:502::/nonexistent:/bin/false
sink:x:1000:1000::/sink:/bin/sh
nobody:x:65534:65534::/nonexistent:/bin/false
`
	rootGroups = `root:x:0:
postfix:x:501:
Debian-exim:x:501:
opensmtpd:x:501:
postdrop:x:502:
opensmtpq:x:502:
sink:x:1000:
nogroup:x:65534:
`
)

// debian is one release of Debian, whose packages apt fetches and checks beside
// those of this machine.
type debian struct {
	release string
	dir     string
}

func newDebian(ctx context.Context, release string) (*debian, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the mail servers want root: they change their root folder and user")
	}
	dir, err := filepath.Abs(filepath.Join(relayCache, release))
	if err != nil {
		return nil, err
	}
	d := &debian{release: release, dir: dir}
	for _, name := range []string{"lists/partial", "parts", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil { //nolint:gosec // nothing secret
			return nil, err
		}
	}
	const line = "deb [signed-by=" + debianKeys + "] http://deb.debian.org/"
	sources := line + "debian " + release + " main\n" + line + "debian-security " + release + "-security main\n"
	for name, text := range map[string]string{"sources.list": sources, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // nothing secret
			return nil, err
		}
	}
	return d, d.run(ctx, "apt-get", "update")
}

// run calls apt with this release's lists, as if nothing were installed.
func (d *debian) run(ctx context.Context, tool string, args ...string) error {
	at := func(name string) string { return filepath.Join(d.dir, name) }
	args = append([]string{
		"-qq", "-o", "Dir::Etc::sourcelist=" + at("sources.list"), "-o", "Dir::Etc::sourceparts=" + at("parts"),
		"-o", "Dir::State::lists=" + at("lists"), "-o", "Dir::State::status=" + at("status"), "-o", "Dir::Cache=" + at("cache"),
		"-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
	}, args...)
	return quietly(exec.CommandContext(ctx, tool, args...)) //nolint:gosec // apt with our own words
}

// quietly runs a command and tells what it said where it fails.
func quietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// newRoot gives a fresh root folder with a package and all that it needs.
func (d *debian) newRoot(ctx context.Context, pkg, dir string) (*root, error) {
	kept := &root{dir: filepath.Join(d.dir, pkg)}
	if kept.version() == "" {
		if err := d.unpack(ctx, pkg, kept); err != nil {
			return nil, err
		}
	}
	r := &root{dir: dir}
	if err := quietly(exec.CommandContext(ctx, "cp", "-a", kept.dir, r.dir)); err != nil { //nolint:gosec // our own paths
		return nil, err
	}
	return r, errors.Join(r.furnish(), r.devices())
}

// leftOut of the packages is what no mail server reads: two thirds of them.
const leftOut = "--exclude=./usr/share/* --exclude=./usr/lib/*/perl* --exclude=./usr/lib/*/libperl* --exclude=./usr/bin/perl*"

// unpack keeps a package and all that it needs.
func (d *debian) unpack(ctx context.Context, pkg string, r *root) error {
	if err := os.RemoveAll(r.dir); err != nil {
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
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} { // as base-files has them
		if err := r.mkdir("usr/"+name, 0, 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+name, r.at(name)); err != nil {
			return err
		}
	}
	packages, _ := filepath.Glob(filepath.Join(archives, "*.deb")) // the pattern is right
	for _, p := range packages {
		const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink ` + leftOut + ` -C "$2"`
		cmd := exec.CommandContext(ctx, "sh", "-c", unpack, "sh", p, r.dir) //nolint:gosec // our own paths
		if err := quietly(cmd); err != nil {
			return err
		}
	}
	found, _ := filepath.Glob(filepath.Join(archives, pkg+"_*.deb"))
	if len(found) != 1 {
		return fmt.Errorf("apt fetched no %s", pkg)
	}
	version := strings.Split(filepath.Base(found[0]), "_")[1]
	return r.write(".version", 0o644, version)
}

// root is the root folder of a mail server.
type root struct{ dir string }

func (r *root) at(path string) string { return filepath.Join(r.dir, path) }

// version of the package, "" before it is there as a whole.
func (r *root) version() string {
	v, _ := os.ReadFile(r.at(".version")) //nolint:gosec // our own folder
	return string(v)
}

func (r *root) write(path string, mode os.FileMode, text string) error {
	if err := os.MkdirAll(filepath.Dir(r.at(path)), 0o755); err != nil { //nolint:gosec // the servers' users read it
		return err
	}
	if err := os.WriteFile(r.at(path), []byte(text), mode); err != nil { //nolint:gosec // our own folder
		return err
	}
	return os.Chmod(r.at(path), mode) //nolint:gosec // our own folder
}

// mkdir makes a folder that belongs to a user and the group of the same number.
func (r *root) mkdir(path string, id int, mode os.FileMode) error {
	if err := os.MkdirAll(r.at(path), 0o755); err != nil { //nolint:gosec // the servers' users read it
		return err
	}
	return errors.Join(os.Chown(r.at(path), id, id), os.Chmod(r.at(path), mode))
}

// furnish makes what a program expects of any system, and the mailbox.
func (r *root) furnish() error {
	if err := r.mkdir("var", 0, 0o755); err != nil {
		return err
	}
	if err := os.Symlink("/run", r.at("var/run")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return errors.Join(
		r.mkdir("sink", sinkID, 0o700), r.mkdir("tmp", 0, 0o777|os.ModeSticky), r.mkdir("var/log", 0, 0o755), r.mkdir("run", 0, 0o755), r.mkdir("dev", 0, 0o755),
		r.write("etc/passwd", 0o644, rootUsers), r.write("etc/group", 0o644, rootGroups),
		r.write("etc/hosts", 0o644, "127.0.0.1 localhost\n"), r.write("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files\n"),
		r.write("etc/services", 0o644, "smtp 25/tcp\n"), r.write("etc/resolv.conf", 0o644, ""))
}

// devices fails where the file system knows none.
func (r *root) devices() error {
	for name, minor := range map[string]int{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		path := r.at("dev/" + name)
		if err := errors.Join(syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|minor), os.Chmod(path, 0o666)); err != nil { //nolint:gosec // as everywhere
			return err
		}
		f, err := os.Open(path) //nolint:gosec // just made
		if err != nil {
			return fmt.Errorf("%w: devices work elsewhere, name a folder with -data", err)
		}
		_ = f.Close()
	}
	return nil
}

// command is a program in this root.
func (r *root) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // a mail server; stop ends it
	cmd.Path, cmd.Err = args[0], nil          // in the root, not here
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin", "LD_LIBRARY_PATH=/usr/lib/postfix", "TZ=UTC"}
	dieTogether(cmd)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Chroot, cmd.SysProcAttr.Setpgid = r.dir, true // what it starts ends with it
	return cmd
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func yes(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
