package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/devdb"
)

const poolerSettings = `[databases]
%s = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 200
default_pool_size = 8
ignore_startup_parameters = extra_float_digits
`

// Pooler runs PgBouncer in transaction mode before the database and gives the URL
// through it. It needs the program, which `make test` installs.
func Pooler(tb testing.TB, target string) string {
	tb.Helper()
	program, err := osexec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(program); err != nil {
		tb.Fatal("PgBouncer is needed (apt-get install pgbouncer, or make test): " + err.Error())
	}
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	password, _ := u.User.Password()
	port := devdb.FreePort(0)
	dir, err := os.MkdirTemp("", "pgbouncer-") // tb.TempDir is below a folder that others may not enter
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(poolerSettings, u.Path[1:], u.Hostname(), u.Port(), u.User.Username(), password, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := osexec.CommandContext(context.Background(), program, config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // it refuses to run as root
		cmd.SysProcAttr.Credential = nobody(tb)
		for _, path := range []string{dir, config} {
			if err := os.Chown(path, int(cmd.SysProcAttr.Credential.Uid), int(cmd.SysProcAttr.Credential.Gid)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	through := u.String()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(tb.Context(), through)
		if err == nil {
			_ = conn.Close(tb.Context())
			return through
		}
		if time.Now().After(deadline) {
			tb.Fatalf("pgbouncer does not answer within a minute: %v", err)
		}
		<-tick.C
	}
}

func nobody(tb testing.TB) *syscall.Credential {
	tb.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		tb.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}
}
