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
)

// relayKind is one mail server: how it is told what to do and what it says of it.
type relayKind struct {
	pkg     string
	prepare func(r *root, s relaySetting) error // writes its configuration
	command []string                            // the server, in the foreground
	flush   []string                            // delivers what waits; nil where the server does
	queueID *regexp.Regexp                      // in its reply to a message
	greeted *regexp.Regexp                      // what its log says once for each connection
	log     string                              // its file, "" where it writes to its standard error
	waiting string                              // where it keeps what it has taken, by queue id; "" where nothing stays
	utf8    bool                                // offers SMTPUTF8
	large   string                              // reason for a message beyond its bound
}

// relaySetting is one way to set a mail server up.
type relaySetting struct {
	addr     string
	chunking bool
	tls      bool
	auth     bool
	few      bool // a quarter of the mails: it is slow
	second   bool // after the restart: who was to come later is taken
	more     string
	options  map[string]string // further lines that differ
}

// relayServer is a mail server that runs.
type relayServer struct {
	kind    *relayKind
	root    *root
	setting relaySetting
	cmd     *exec.Cmd
	out     *os.File
	done    chan struct{}
}

// start writes the configuration and waits for the greeting.
func (s *relayServer) start(ctx context.Context) error {
	if err := s.kind.prepare(s.root, s.setting); err != nil {
		return err
	}
	out, err := s.root.OpenFile("output", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.out = out
	s.cmd = s.root.command(s.kind.command...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.kind.pkg, err)
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // it ends by our signal
		close(s.done)
	}()
	return s.ready(ctx)
}

// ready waits until the server greets.
func (s *relayServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := until(ctx, 100*time.Millisecond, func() (bool, error) { return s.greets(ctx), running(s.done) }); err != nil {
		return fmt.Errorf("%s does not greet: %w", s.kind.pkg, err)
	}
	return nil
}

func (s *relayServer) greets(ctx context.Context) bool {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.setting.addr)
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
func (s *relayServer) stop() {
	if s.cmd == nil || s.done == nil {
		return
	}
	group := -s.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(group, 0) == nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // who has not ended by now
	<-s.done
	_ = s.out.Close()
	s.done = nil
}

// flush delivers what waits in the server's queue.
func (s *relayServer) flush() error {
	if s.kind.flush == nil {
		return nil
	}
	const runners = 4
	failed := make(chan error, runners)
	for range runners { // which share the queue
		go func() { failed <- quietly(s.root.command(s.kind.flush...)) }()
	}
	var err error
	for range runners {
		err = errors.Join(err, <-failed)
	}
	return err
}

// journal is what the server has logged.
func (s *relayServer) journal() string {
	var text []byte
	for _, name := range []string{"output", s.kind.log} {
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
	// complaints are what a server says of a client that breaks the rules. "Too many
	// errors" is none: refused recipients are the errors that are counted.
	complaints = regexp.MustCompile(`(?i)pipelining|synchroni[sz]ation|protocol error|syntax error|non-smtp|bare <?(?:lf|cr|newline)|` +
		`too many (?:unknown|nonmail|syntax)|unexpected|unrecognized|bad command|panic|fatal|out of order|invalid (?:command|argument)|timeout|timed out`)
	hangUps = regexp.MustCompile(`(?i)lost connection|connection lost|without quit|unexpected disconnection|reason=(?:disconnect|"?io-error)|closed by peer|connection reset`)
)

// matching gives the lines of the journal that match.
func matching(journal string, pattern *regexp.Regexp) (lines []string) {
	for line := range strings.Lines(journal) {
		if pattern.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
