package devdb

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is whom the server runs as.
type account struct {
	uid, gid uint32
	name     string
	other    bool // not the caller's own
}

// serverAccount is the caller, or for root the owner of data that is kept
// already, else SESPAN_DEVDB_USER, postgres or nobody.
func serverAccount(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), name: "you"}, nil
	}
	names := []string{"postgres", "nobody"}
	if name := os.Getenv("SESPAN_DEVDB_USER"); name != "" {
		names = []string{name}
	}
	if info, err := os.Stat(filepath.Join(dir, "data")); dir != "" && err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return account{uid: st.Uid, gid: st.Gid, name: "the owner of the data", other: true}, nil
		}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		if uid != 0 {
			return account{uid: uint32(uid), gid: uint32(gid), name: name, other: true}, nil
		}
	}
	return account{}, fmt.Errorf("devdb: PostgreSQL does not run as root and there is no user %s; name one with SESPAN_DEVDB_USER",
		strings.Join(names, " or "))
}

func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: []uint32{}}
}

// cacheFolder keeps downloads: below the user's cache folder, or for root
// where the server's account can reach it.
func cacheFolder(wanted string, who account) (string, error) {
	dir := wanted
	if dir == "" {
		dir = os.Getenv("SESPAN_DEVDB_CACHE")
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil || who.other {
			dir = filepath.Join("/var/tmp", fmt.Sprintf("sespan-postgres-%d", who.uid))
		} else {
			dir = filepath.Join(base, "sespan-postgres")
		}
	}
	return dir, ownFolder(dir, 0o755, who)
}

// ownFolder makes a folder that belongs to the account, refusing one that
// somebody else put there and one that the account cannot reach.
func ownFolder(dir string, mode fs.FileMode, who account) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("devdb: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("devdb: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || (st.Uid != who.uid && int(st.Uid) != os.Geteuid()) {
		return fmt.Errorf("devdb: %s belongs to another user; remove it or choose another folder", dir)
	}
	if !who.other {
		return nil
	}
	if err := os.Chown(dir, int(who.uid), int(who.gid)); err != nil {
		return fmt.Errorf("devdb: %w", err)
	}
	if closed := closedParent(dir, who); closed != "" {
		return fmt.Errorf("devdb: PostgreSQL runs as user %s, who may not pass %s; choose another folder than %s", who.name, closed, dir)
	}
	return nil
}

// Folder gives a folder for Options.Dir: the wanted one, or where the server's
// account cannot reach that (PostgreSQL does not run as root, and root's home is
// closed to others), one of a fixed name in /var/tmp, and then says why.
func Folder(wanted string) (dir, why string, err error) {
	if dir, err = filepath.Abs(wanted); err != nil {
		return "", "", fmt.Errorf("devdb: %w", err)
	}
	who, err := serverAccount(dir)
	if err != nil || !who.other {
		return dir, "", err
	}
	closed := closedParent(dir, who)
	if closed == "" {
		return dir, "", nil
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/var/tmp", fmt.Sprintf("sespan-%s-%x", filepath.Base(dir), sum[:4])),
		fmt.Sprintf("PostgreSQL runs as user %s, who may not pass %s", who.name, closed), nil
}

// closedParent gives the first parent of dir that the account cannot pass.
func closedParent(dir string, who account) string {
	parent := filepath.Dir(dir)
	if parent != dir {
		if closed := closedParent(parent, who); closed != "" {
			return closed
		}
	}
	info, err := os.Stat(parent)
	if err != nil {
		return "" // does not exist yet: will be made passable
	}
	bit := fs.FileMode(0o001)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case st.Uid == who.uid:
			bit = 0o100
		case st.Gid == who.gid:
			bit = 0o010
		}
	}
	if info.Mode()&bit == 0 {
		return parent
	}
	return ""
}

// keptPassword makes the superuser's password once and keeps it with the data.
func keptPassword(path string, who account) (string, error) {
	if text, err := os.ReadFile(path); err == nil {
		return string(text), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("devdb: %w", err)
	}
	secret := rand.Text()
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		return "", fmt.Errorf("devdb: %w", err)
	}
	if who.other {
		if err := os.Chown(path, int(who.uid), int(who.gid)); err != nil {
			return "", fmt.Errorf("devdb: %w", err)
		}
	}
	return secret, nil
}
