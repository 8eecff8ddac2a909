package devdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	keeperEnv = "DEVDB_TEST_KEEPER" // set in a process that starts a server and waits
	// startTimeout: servers start one after the other on a machine, those of other packages' tests included.
	startTimeout = 8 * time.Minute
)

func TestMain(m *testing.M) {
	if code, yes := Supervise(); yes {
		os.Exit(code)
	}
	if dir := os.Getenv(keeperEnv); dir != "" {
		os.Exit(keep(dir))
	}
	os.Exit(m.Run())
}

func keep(dir string) int {
	s, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.URL("postgres"))
	select {}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// folder is a temporary folder that every user may pass, unlike t.TempDir.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devdb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func run(t *testing.T, s *Server, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), statement).Scan(&answer); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", statement, err)
	}
	return answer
}

const (
	read = "SELECT current_setting('server_encoding') || ' ' || datcollate FROM pg_database WHERE datname = current_database()"
)

func TestThrowawayServerLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Parameters: map[string]string{"max_connections": "33"}})
	if got := run(t, s, "SHOW max_connections"); got != "33" {
		t.Errorf("max_connections %s, want 33", got)
	}
	if got := run(t, s, "SHOW server_version_num"); got < "180000" {
		t.Errorf("server %s, want 18", got)
	}
	if got := run(t, s, read); !strings.HasPrefix(got, "UTF8 ") {
		t.Errorf("encoding and locale %s, want UTF8", got)
	}
	dir := s.sup.cmd.Dir
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port())); err == nil {
		t.Error("the server still listens")
	}
}

func TestKeptDataAndAnotherPort(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "kept")
	first := start(t, Options{Dir: dir})
	run(t, first, "SELECT lo_from_bytea(4711, 'x')::text")
	_, err := Start(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second server on the same data: %v, want a refusal", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	again := start(t, Options{Dir: dir, Port: port})
	if again.Port() == port {
		t.Errorf("the server took port %d, which is busy", port)
	}
	if got := run(t, again, "SELECT convert_from(lo_get(4711), 'UTF8')"); got != "x" {
		t.Errorf("kept data %q, want x", got)
	}
}

func TestServerEndsWithItsParent(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "kept")
	keeper := exec.Command("/proc/self/exe")
	keeper.Env = append(os.Environ(), keeperEnv+"="+dir)
	out, err := keeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("the keeper says %q, %v", line, err)
	}
	if err := keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = keeper.Wait()
	lock, err := takeLock(filepath.Join(dir, "lock"), syscall.LOCK_EX) // waits for the supervisor's end
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server still runs: %v", err)
	}
}

func TestOrphanOfAKilledSupervisor(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "kept")
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	first, err := Start(ctx, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	run(t, first, "SELECT lo_from_bytea(4711, 'x')::text")
	if err := first.sup.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err == nil {
		t.Error("Stop of a killed supervisor tells nothing")
	}
	again := start(t, Options{Dir: dir})
	if got := run(t, again, "SELECT convert_from(lo_get(4711), 'UTF8')"); got != "x" {
		t.Errorf("kept data %q, want x", got)
	}
}

func TestCtrlCDoesNotReachTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	group, err := syscall.Getpgid(s.sup.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Error("the supervisor is in the process group of its parent")
	}
}

func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "kept")
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("18\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	who, err := serverAccount("")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "data"), filepath.Join(dir, "data", "PG_VERSION")} {
		if err := os.Chown(path, int(who.uid), int(who.gid)); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, start(t, Options{Dir: dir}), "SELECT 'x'"); got != "x" {
		t.Errorf("answer %q", got)
	}
}

func TestKeptDataOfAnotherMajor(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "kept")
	if err := start(t, Options{Dir: dir}).Stop(); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir, Version: "15"})
	if err == nil || !strings.Contains(err.Error(), "is of PostgreSQL 18, not 15") {
		t.Errorf("error %v, want a refusal that names both", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION")); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
}

// The fetched server also stands for one that a package installed.
func TestInstalledServer(t *testing.T) {
	t.Parallel()
	if err := start(t, Options{}).Stop(); err != nil { // fetches it
		t.Fatal(err)
	}
	who, err := serverAccount("")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := cacheFolder("", who)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Version: filepath.Join(cache, version18), Cache: folder(t)})
	if got := run(t, s, "SHOW server_version_num"); got < "180000" {
		t.Errorf("server %s, want 18", got)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"no server there": {Options{Version: folder(t)}, "PostgreSQL"},
		"bad parameter":   {Options{Parameters: map[string]string{"no_such_setting": "1"}}, "no_such_setting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
			defer cancel()
			_, err := Start(ctx, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	open := filepath.Join(folder(t), "postgres")
	if dir, why, err := Folder(open); dir != open || why != "" || err != nil {
		t.Errorf("open folder: %s, %q, %v, want itself", dir, why, err)
	}
	closed := filepath.Join(t.TempDir(), "postgres")
	dir, why, err := Folder(closed)
	if moved := strings.HasPrefix(dir, "/var/tmp/sespan-postgres-"); err != nil || moved != (why != "") || moved != (os.Geteuid() == 0) {
		t.Errorf("closed folder: %s, %q, %v; want another for root alone", dir, why, err)
	}
	if again, _, _ := Folder(closed); again != dir {
		t.Errorf("the second answer is %s, the first was %s", again, dir)
	}
}

func TestClosedParent(t *testing.T) {
	t.Parallel()
	home := filepath.Join(folder(t), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{uid: 54321, gid: 54321, name: "stranger", other: true}
	inner := filepath.Join(home, "project", "data")
	if got := closedParent(inner, stranger); got != home {
		t.Errorf("closed parent %q, want %q", got, home)
	}
	if err := os.Chmod(home, 0o711); err != nil {
		t.Fatal(err)
	}
	if got := closedParent(inner, stranger); got != "" {
		t.Errorf("closed parent %q, want none", got)
	}
}
