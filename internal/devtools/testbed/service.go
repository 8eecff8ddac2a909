package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/poll"
)

// Service is a running `sespan serve`.
type Service struct {
	Addr  string // of the public port
	Admin string // of the admin port
	Log   *Tail

	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the ended program; read after done
}

// Serve starts the binary with the given parts, as its own login and with the
// settings that a site would use, and waits until it is ready. Close stops it.
func (e *Env) Serve(ctx context.Context, parts string, settings ...string) (*Service, error) {
	return e.ServeBinary(ctx, e.Binary, parts, settings...)
}

// ServeBinary does so with another binary.
func (e *Env) ServeBinary(ctx context.Context, binary, parts string, settings ...string) (*Service, error) {
	return e.serveAt(ctx, binary, parts, FreeAddress(), FreeAddress(), settings...)
}

// ServeAgain starts the binary at the addresses of a service that has ended.
func (e *Env) ServeAgain(ctx context.Context, ended *Service, parts string, settings ...string) (*Service, error) {
	return e.serveAt(ctx, e.Binary, parts, ended.Addr, ended.Admin, settings...)
}

func (e *Env) serveAt(ctx context.Context, binary, parts, addr, admin string, settings ...string) (*Service, error) {
	s := &Service{Addr: addr, Admin: admin, Log: &Tail{}, done: make(chan struct{})}
	s.cmd = exec.Command(binary, "serve") //nolint:noctx // the binary under test; Close stops it
	s.cmd.Env = append(append(e.environment(addr, admin), "SESPAN_RUN="+parts), settings...)
	s.cmd.Stdout, s.cmd.Stderr = s.Log, s.Log
	KillWithParent(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w (make build makes it)", binary, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	e.Services = append(e.Services, s)
	return s, s.ready(ctx, "http://"+admin+"/readyz")
}

// environment has the settings that every process of the site has.
func (e *Env) environment(addr, admin string) []string {
	return append(os.Environ(), "SESPAN_DATABASE_URL="+e.login, "SESPAN_SECRET_KEYS="+e.secret,
		"SESPAN_HTTP_ADDR="+addr, "SESPAN_ADMIN_ADDR="+admin, "SESPAN_MAIL_FROM="+MailFrom, "SESPAN_OTP_LINK="+CodeLink)
}

func (s *Service) ready(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := poll.Until(ctx, 20*time.Millisecond, func() (bool, error) {
		if err := Running(s.done); err != nil {
			return false, errors.Join(s.err, err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			return false, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("sespan serve is not ready: %w\n%s", err, s.Log.String())
	}
	return nil
}

// PID is the service's process id.
func (s *Service) PID() int { return s.cmd.Process.Pid }

// Stop ends the service in good order.
func (s *Service) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.done
	}
}

// End sends a signal that ends the service, and waits for the end.
func (s *Service) End(signal syscall.Signal) {
	_ = s.cmd.Process.Signal(signal) // it may have ended
	<-s.done
}

var errEnded = errors.New("it has ended before it was ready")

// Running gives an error where a program has ended: it will not become ready.
func Running(done <-chan struct{}) error {
	select {
	case <-done:
		return errEnded
	default:
		return nil
	}
}

// FreeAddress gives an address of this machine that was free a moment ago.
func FreeAddress() string { return fmt.Sprintf("127.0.0.1:%d", devdb.FreePort(0)) }

// Tail keeps the end of a program's output.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 4 << 10

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(p), nil
}

func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(t.kept, nil)))
}
