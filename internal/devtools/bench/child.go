package main

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
)

// service is a running `sespan serve`.
type service struct {
	cmd  *exec.Cmd
	addr string // of the public port
	log  tail
	done chan struct{}
	err  error // of the ended program; read after done
}

// serve starts the service that the load is for.
func (e *env) serve(ctx context.Context, run string, more ...string) (err error) {
	e.service, err = e.spawn(ctx, run, more...)
	return err
}

// spawn starts the real binary with the given parts, as its own login and with
// the settings that a site would use, and waits until it is ready. env.close
// stops it.
func (e *env) spawn(ctx context.Context, run string, more ...string) (*service, error) {
	addr, admin := freeAddress(), freeAddress()
	s := &service{addr: addr, done: make(chan struct{})}
	s.cmd = exec.Command(e.binary, "serve") //nolint:gosec,noctx // the binary under test; env.close stops it
	s.cmd.Env = append(os.Environ(),
		"SESPAN_DATABASE_URL="+e.login, "SESPAN_SECRET_KEYS="+e.secret, "SESPAN_RUN="+run,
		"SESPAN_HTTP_ADDR="+addr, "SESPAN_ADMIN_ADDR="+admin, "SESPAN_MAIL_FROM="+mailFrom, "SESPAN_OTP_LINK="+codeLink)
	s.cmd.Env = append(s.cmd.Env, more...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	dieTogether(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w (make build makes it)", e.binary, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	e.services = append(e.services, s)
	return s, s.ready(ctx, "http://"+admin+"/readyz")
}

func (s *service) ready(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := until(ctx, 20*time.Millisecond, func() (bool, error) {
		if err := running(s.done); err != nil {
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
		return fmt.Errorf("sespan serve is not ready: %w\n%s", err, s.log.String())
	}
	return nil
}

var errEnded = errors.New("before it was ready")

func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.done
	}
}

// freeAddress gives an address of this machine that was free a moment ago.
func freeAddress() string { return fmt.Sprintf("127.0.0.1:%d", devdb.FreePort(0)) }

// tail keeps the end of a program's output.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(t.kept, nil)))
}
