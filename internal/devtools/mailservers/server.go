package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
)

// software is one mail server: how it is configured and what it logs.
type software struct {
	pkg      string
	prepare  func(r *root, s settings) error // writes its configuration
	command  []string                        // the server, in the foreground
	flush    []string                        // delivers what waits; nil where the server does
	queueID  *regexp.Regexp                  // in its reply to a message
	greeted  *regexp.Regexp                  // what its log says once for each connection
	logFile  string                          // its file, "" where it writes to its standard error
	queueDir string                          // its queue, where mails lie by queue id; "" where nothing stays
	utf8     bool                            // offers SMTPUTF8
	large    string                          // reason for a message beyond its bound
}

// settings is one way to set a mail server up.
type settings struct {
	addr      string
	chunking  bool
	tls       bool
	auth      bool
	reduced   bool // fewer mails: it is slow
	restarted bool // after the restart: "later" recipients are accepted
	extra     string
	options   map[string]string // further lines of the configuration
}

// server is a mail server that runs.
type server struct {
	software *software
	root     *root
	settings settings
	cmd      *exec.Cmd
	out      *os.File
	done     chan struct{}
}

// start writes the configuration and waits for the greeting.
func (s *server) start(ctx context.Context) error {
	if err := s.software.prepare(s.root, s.settings); err != nil {
		return err
	}
	out, err := s.root.OpenFile("output", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.out = out
	s.cmd = s.root.command(s.software.command...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.software.pkg, err)
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // it ends by our signal
		close(s.done)
	}()
	return s.ready(ctx)
}

// ready waits until the server greets.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := poll.Until(ctx, 100*time.Millisecond, func() (bool, error) { return s.greets(ctx), testbed.Running(s.done) }); err != nil {
		return fmt.Errorf("%s does not greet: %w", s.software.pkg, err)
	}
	return nil
}

func (s *server) greets(ctx context.Context) bool {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.settings.addr)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // nothing was written but QUIT
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		_, err = c.Write([]byte("QUIT\r\n"))
	}
	return err == nil && strings.HasPrefix(line, "220")
}

// stop ends the server as a service manager would.
func (s *server) stop() {
	if s.cmd == nil || s.done == nil {
		return
	}
	group := -s.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(group, 0) == nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // what has not ended by now
	<-s.done
	_ = s.out.Close()
	s.done = nil
}

// flush delivers what is in the server's queue.
func (s *server) flush() error {
	if s.software.flush == nil {
		return nil
	}
	const runners = 4
	failed := make(chan error, runners)
	for range runners { // which share the queue
		go func() { failed <- runCommand(s.root.command(s.software.flush...)) }()
	}
	var err error
	for range runners {
		err = errors.Join(err, <-failed)
	}
	return err
}

// log is what the server has logged.
func (s *server) log() string {
	var text []byte
	for _, name := range []string{"output", s.software.logFile} {
		if name == "" {
			continue
		}
		one, err := s.root.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err.Error()
		}
		text = append(text, one...)
	}
	return string(text)
}

var (
	// complaints are what a server logs about a client that breaks the rules. "Too many
	// errors" is none: refused recipients are the errors that are counted.
	complaints = regexp.MustCompile(`(?i)pipelining|synchroni[sz]ation|protocol error|syntax error|non-smtp|bare <?(?:lf|cr|newline)|` +
		`too many (?:unknown|nonmail|syntax)|unexpected|unrecognized|bad command|panic|fatal|out of order|invalid (?:command|argument)|timeout|timed out`)
	disconnects = regexp.MustCompile(`(?i)lost connection|connection lost|without quit|unexpected disconnection|reason=(?:disconnect|"?io-error)|closed by peer|connection reset`)
)

// matching gives the lines of the log that match.
func matching(log string, pattern *regexp.Regexp) (lines []string) {
	for line := range strings.Lines(log) {
		if pattern.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
