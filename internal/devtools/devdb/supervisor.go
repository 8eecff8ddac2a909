package devdb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// planEnv is set only in the re-exec: its plan as JSON.
const planEnv = "SESPAN_DEVDB_PLAN"

// supervisor is the caller's handle on the re-exec.
type supervisor struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	answer chan string // one line, "" when the supervisor ended without one
	once   sync.Once
	err    error
}

func startSupervisor(p plan, who account) (*supervisor, error) {
	self, err := executable()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("devdb: %w", err)
	}
	s := &supervisor{cmd: exec.CommandContext(context.Background(), self), answer: make(chan string, 1)}
	s.cmd.Dir = p.Dir
	s.cmd.Env = supervisorEnv(string(config), p.Dir)
	s.cmd.Stderr = os.Stderr // rare, and a buffer would need a goroutine for as long as the server runs
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who.credential()}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("devdb: %w", err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("devdb: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("devdb: cannot start the supervisor: %w", err)
	}
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		s.answer <- strings.TrimSpace(line)
	}()
	return s, nil
}

// executable is the running binary, by a path that another user can follow:
// the folder in which go test builds is closed to others.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("devdb: %w", err)
	}
	return self, nil
}

// ready waits for the supervisor's line and gives the server's port.
func (s *supervisor) ready(ctx context.Context) (int, error) {
	var line string
	select {
	case <-ctx.Done():
		return 0, fmt.Errorf("devdb: %w", ctx.Err())
	case line = <-s.answer:
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "ok":
		return strconv.Atoi(rest)
	case "error":
		var text string
		if err := json.Unmarshal([]byte(rest), &text); err != nil {
			return 0, fmt.Errorf("devdb: %s", rest)
		}
		return 0, errors.New("devdb: " + text)
	}
	return 0, errors.New("devdb: the supervisor ended without a word; does main call devdb.Supervise first?")
}

// end closes the pipe, which tells the supervisor to stop the server.
func (s *supervisor) end() error {
	s.once.Do(func() {
		_ = s.stdin.Close()
		err := s.cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitToldParent {
			return // ready has already reported why
		}
		if err != nil {
			s.err = fmt.Errorf("devdb: the supervisor did not end well: %w", err)
		}
	})
	return s.err
}

// supervisorEnv is the caller's environment without what would lead the server
// or its client library astray.
func supervisorEnv(config, home string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "GOCOVERDIR" {
			continue
		}
		env = append(env, kv)
	}
	return append(env, planEnv+"="+config, "HOME="+home)
}
