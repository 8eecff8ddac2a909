package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"sespan/internal/devtools/testbed"
)

// The users of a root folder; the numbers mean nothing outside.
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

// root is the root folder of a mail server. Packages have links such as
// usr/lib/ssl/cert.pem to /etc/ssl/certs/ca-certificates.crt, which from outside lead
// to this machine's own files: what is written goes through os.Root, which follows none.
type root struct {
	*os.Root
	dir string
}

func openRoot(dir string) (*root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the servers' users read it
		return nil, err
	}
	r, err := os.OpenRoot(dir)
	return &root{r, dir}, err
}

// at is the path of a file that is only read.
func (r *root) at(name string) string { return filepath.Join(r.dir, name) }

// write replaces what is there by a file, even if it is a link.
func (r *root) write(name string, mode os.FileMode, text string) error {
	if err := r.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := r.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return errors.Join(r.WriteFile(name, []byte(text), mode), r.Chmod(name, mode))
}

// mkdir makes a folder that belongs to a user and the group of the same number.
func (r *root) mkdir(name string, id int, mode os.FileMode) error {
	return errors.Join(r.MkdirAll(name, 0o755), r.Chown(name, id, id), r.Chmod(name, mode))
}

// excluded is what no mail server reads: two thirds of the packages.
var excluded = regexp.MustCompile(`^usr/(share/|bin/perl|lib/[^/]+/(lib)?perl)`)

// unpack extracts a Debian package.
func (r *root) unpack(ctx context.Context, archive string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", archive) //nolint:gosec // our own path
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = r.untar(out)
	if err != nil {
		_ = cmd.Cancel() // its output is no longer read
	}
	return errors.Join(err, cmd.Wait())
}

func (r *root) untar(from io.Reader) error {
	files := tar.NewReader(from)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if name == "." || excluded.MatchString(name) {
			continue
		}
		if err := r.extract(name, h, files); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// extract makes one file of a package. Everything belongs to root: the users of a mail
// server own only what its prepare gives them.
func (r *root) extract(name string, h *tar.Header, content io.Reader) error {
	mode := h.FileInfo().Mode()
	if h.Typeflag == tar.TypeDir {
		return errors.Join(r.MkdirAll(name, 0o755), r.Chmod(name, mode&^os.ModeDir))
	}
	if err := r.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		return r.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return r.Link(path.Clean(h.Linkname), name)
	case tar.TypeReg:
		f, err := r.Create(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close(), r.Chmod(name, mode))
	default:
		return fmt.Errorf("a file of type %c", h.Typeflag)
	}
}

// addSystemFiles makes what a program expects of any system, and the mailbox.
func (r *root) addSystemFiles() error {
	if err := r.mkdir("var", 0, 0o755); err != nil {
		return err
	}
	if err := r.Symlink("../run", "var/run"); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return errors.Join(
		r.mkdir("sink", sinkID, 0o700), r.mkdir("tmp", 0, 0o777|os.ModeSticky), r.mkdir("var/log", 0, 0o755), r.mkdir("run", 0, 0o755), r.mkdir("dev", 0, 0o755),
		r.write("etc/passwd", 0o644, rootUsers), r.write("etc/group", 0o644, rootGroups),
		r.write("etc/hosts", 0o644, "127.0.0.1 localhost\n"), r.write("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files\n"),
		r.write("etc/services", 0o644, "smtp 25/tcp\n"), r.write("etc/resolv.conf", 0o644, ""))
}

// addDevices fails where the file system allows none.
func (r *root) addDevices() error {
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
	testbed.KillWithParent(cmd)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Chroot, cmd.SysProcAttr.Setpgid = r.dir, true // what it starts ends with it
	return cmd
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func yesNo(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
