package devdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// exitToldParent: the error was already written to the parent.
const exitToldParent = 3

// Supervise runs the supervisor when this process is one, and then returns its
// exit code and true. Call it before anything else in main:
//
//	if code, yes := devdb.Supervise(); yes { os.Exit(code) }
func Supervise() (int, bool) {
	config, yes := os.LookupEnv(planEnv)
	if !yes {
		return 0, false
	}
	// Signals to this process end the server in good order, as the pipe does.
	stop := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		go func() { <-signals; close(stop) }()
		_, _ = io.Copy(io.Discard, os.Stdin)
		signals <- syscall.SIGTERM
	}()
	if err := supervise(config, stop); err != nil {
		text, _ := json.Marshal(err.Error())
		fmt.Printf("error %s\n", text)
		return exitToldParent, true
	}
	return 0, true
}

func supervise(config string, stop <-chan struct{}) error {
	var p plan
	if err := json.Unmarshal([]byte(config), &p); err != nil {
		return err
	}
	if p.Throwaway {
		defer os.RemoveAll(p.Dir)
	}
	lock, err := takeLock(filepath.Join(p.Dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return fmt.Errorf("the database in %s is in use by another process", p.Dir)
	}
	defer lock.Close()
	pg, port, err := startAny(p)
	if err != nil {
		return err
	}
	fmt.Printf("ok %d\n", port)
	<-stop
	return pg.Stop()
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
	defer lock.Close()
	port := freePort(p.Port)
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

// freePort gives the wanted port if nobody listens there, else a free one.
func freePort(wanted int) int {
	for _, port := range []int{wanted, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	return wanted
}
