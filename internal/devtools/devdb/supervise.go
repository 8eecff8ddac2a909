package devdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// exitToldParent: there is no server, and the parent has been told why.
const exitToldParent = 3

// Supervise runs the supervisor when this process is one, and then returns its
// exit code and true. Call it before anything else in main:
//
//	if code, yes := devdb.Supervise(); yes {
//		os.Exit(code)
//	}
func Supervise() (int, bool) {
	config, yes := os.LookupEnv(planEnv)
	if !yes {
		return 0, false
	}
	// A parent that is gone must not end this process at its next word: caught,
	// not ignored, because children would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var p plan
	if err := json.Unmarshal([]byte(config), &p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return supervise(p, stopRequest()), true
}

// stopRequest is closed when the parent closes the pipe or dies, or when a
// signal asks this process itself to end.
func stopRequest() <-chan struct{} {
	stop, signals := make(chan struct{}), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		close(stop)
	}()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		signals <- syscall.SIGTERM
	}()
	return stop
}

func supervise(p plan, stop <-chan struct{}) int {
	if p.Throwaway {
		defer func() { _ = os.RemoveAll(p.Dir) }()
	}
	lock, err := takeLock(filepath.Join(p.Dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return tell(fmt.Errorf("the database in %s is in use by another process", p.Dir))
	}
	defer func() { _ = lock.Close() }()
	go giveUpDownload(p, stop)
	pg, port, err := startAny(p)
	if err != nil {
		return tell(err)
	}
	fmt.Printf("ok %d\n", port)
	<-stop
	if err := pg.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func tell(err error) int {
	text, _ := json.Marshal(err.Error())
	fmt.Printf("error %s\n", text)
	return exitToldParent
}

// giveUpDownload ends the process when it is no longer wanted before there is a
// program to start: the library's download cannot be interrupted.
func giveUpDownload(p plan, stop <-chan struct{}) {
	<-stop
	if _, err := os.Stat(filepath.Join(candidates(p.Options)[0].binaries, "bin", "pg_ctl")); err != nil {
		if p.Throwaway {
			_ = os.RemoveAll(p.Dir)
		}
		os.Exit(exitToldParent)
	}
}

// startAny tries the wanted server, then those installed on this machine.
func startAny(p plan) (*embeddedpostgres.EmbeddedPostgres, int, error) {
	var errs []error
	for _, c := range candidates(p.Options) {
		if kept := keptMajor(p.Dir); kept != "" && kept != c.major() {
			errs = append(errs, fmt.Errorf("the data in %s is of PostgreSQL %s, not %s", p.Dir, kept, c.major()))
			continue
		}
		pg, port, err := startOne(p, c)
		if err == nil {
			return pg, port, nil
		}
		errs = append(errs, fmt.Errorf("PostgreSQL %s: %w", c.version, err))
	}
	return nil, 0, errors.Join(errs...)
}

func startOne(p plan, c candidate) (*embeddedpostgres.EmbeddedPostgres, int, error) {
	data, run, tmp := filepath.Join(p.Dir, "data"), filepath.Join(p.Dir, "run"), filepath.Join(p.Dir, "tmp")
	initialised := filepath.Join(p.Dir, "initialised")
	if _, err := os.Stat(initialised); err != nil {
		_ = os.RemoveAll(data) // an initdb that was cut short; it never served
	}
	stopOrphan(c, data)
	_ = os.RemoveAll(tmp)
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, 0, err
	}
	_ = os.Setenv("TMPDIR", tmp) // the library leaves a log file there at every start
	// Its own lock is inside one process; go test runs packages in parallel ones.
	lock, err := takeLock(filepath.Join(p.Cache, "lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = lock.Close() }()
	makeLocales(p.Cache)
	port := FreePort(p.Port)
	pg := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.PostgresVersion(c.version)).BinariesPath(c.binaries).CachePath(p.Cache).
		RuntimePath(run).DataPath(data).Port(uint32(port)).Password(p.Password).
		Locale(locale()).Encoding("UTF8").Logger(io.Discard).
		StartTimeout(p.StartTimeout).StartParameters(parameters(p)))
	if err := pg.Start(); err != nil {
		return nil, 0, err
	}
	return pg, port, os.WriteFile(initialised, []byte(c.version+"\n"), 0o600)
}

func parameters(p plan) map[string]string {
	params := map[string]string{"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
	if p.Throwaway {
		params["fsync"], params["synchronous_commit"], params["full_page_writes"] = "off", "off", "off"
		params["max_wal_size"] = "256MB" // it may lie in memory, beside those of other servers
	}
	for name, value := range p.Parameters {
		params[name] = value
	}
	return params
}

func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "" // taken from the environment
}

func keptMajor(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "initialised")); err != nil {
		return ""
	}
	text, _ := os.ReadFile(filepath.Join(dir, "data", "PG_VERSION"))
	return strings.TrimSpace(string(text))
}

func takeLock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// FreePort gives the wanted port if nobody listens on it at 127.0.0.1, else (and for
// 0) a free one. The kernel hands out ports from 32768 on (Linux) to everybody who asks
// for any, so one of those may be gone before the server takes it: it gives one below.
func FreePort(wanted int) int {
	const lowest, tries = 1 << 14, 100
	for n := range tries {
		port := wanted
		if n > 0 || wanted == 0 {
			port = lowest + rand.IntN(lowest)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // a probe that is closed at once
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	return wanted
}
