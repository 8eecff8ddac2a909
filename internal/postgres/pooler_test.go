package postgres_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// pooler runs PgBouncer in transaction mode before the database and gives the URL
// through it. It needs the program, which `make test` installs.
func pooler(tb testing.TB, target string) string {
	tb.Helper()
	program, err := exec.LookPath("pgbouncer")
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
	text := fmt.Sprintf(`[databases]
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
`, u.Path[1:], u.Hostname(), u.Port(), u.User.Username(), password, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, config)
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
	eventuallyTrue(tb, "pgbouncer answers", func() bool {
		conn, err := pgx.Connect(tb.Context(), through)
		if err != nil {
			return false
		}
		return conn.Close(tb.Context()) == nil
	})
	return through
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

// Behind PgBouncer in transaction mode, with LISTEN straight to the server, the
// whole queue works: notifications pass through the pooler and a mail goes at once.
func TestMailThroughPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	through := pooler(t, db.URL)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: through, Pooled: true, GenericPlans: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l, _, _ := quickListener(t, db.URL, db.URL)
	waitConnected(t, l, true)
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Store, c.Notifications, c.Listening = postgres.NewMail(pool), l.Signal(postgres.MailChannel), l.Connected
		c.Poll = time.Hour // only a notification wakes it
	})
	site, err := pgx.Connect(t.Context(), through)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close(t.Context())
	for range 5 {
		eventually(t, db, "the worker sleeps", "SELECT last_value = 0 FROM sespan.mail_doorbell")
		if _, err := site.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x')", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		box.wait(t, 1)
	}
	enqueueMany(t, db, 500)
	box.wait(t, 500)
	eventually(t, db, "results are written", queueEmpty)
}

// LISTEN through the pooler is swallowed without an error. The canary notices, the
// worker polls, and the log and the metric say so.
func TestListenerThroughPoolerFallsBackToPolling(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	through := pooler(t, db.URL)
	l, reg, log := quickListener(t, through, db.URL)
	eventuallyTrue(t, "the canary is missed", func() bool { return log.count("swallows LISTEN") == 1 })
	connected(t, reg, "0")
	if l.Connected() {
		t.Fatal("connected through a pooler that swallows LISTEN")
	}
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Notifications, c.Listening, c.Poll, c.PollWithoutNotify = l.Signal(postgres.MailChannel), l.Connected, time.Hour, 50*time.Millisecond
	})
	for range 3 {
		enqueueMany(t, db, 1)
		box.wait(t, 1)
	}
}
