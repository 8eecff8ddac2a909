package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// sinkEnv makes this program a mail sink: an SMTP server in a process of its own,
// so that it weighs on every sender alike.
const sinkEnv = "SESPAN_BENCH_SINK"

// sink is that process, seen from the outside.
type sink struct {
	cmd   *exec.Cmd
	addr  string
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startSink() (*sink, error) {
	s := &sink{cmd: exec.Command("/proc/self/exe")} //nolint:noctx // stop ends it
	s.cmd.Env = append(os.Environ(), sinkEnv+"=1")
	s.cmd.Stderr = os.Stderr
	dieTogether(s.cmd)
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.lines = bufio.NewScanner(out)
	if s.addr, err = s.line(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *sink) line() (string, error) {
	if !s.lines.Scan() {
		return "", errors.Join(errors.New("the mail sink ended"), s.lines.Err())
	}
	return s.lines.Text(), nil
}

// expect has the sink tell when it has taken n more mails; wait waits for that.
func (s *sink) expect(n int) error {
	if _, err := fmt.Fprintln(s.in, n); err != nil {
		return err
	}
	_, err := s.line() // it counts from now on
	return err
}

// wait gives the moment at which the last expected mail was taken.
func (s *sink) wait(ctx context.Context) (time.Time, error) {
	type heard struct {
		at  time.Time
		err error
	}
	answer := make(chan heard, 1)
	go func() {
		var nanos int64
		text, err := s.line()
		if err == nil {
			_, err = fmt.Sscan(text, &nanos)
		}
		answer <- heard{time.Unix(0, nanos), err}
	}()
	select {
	case h := <-answer:
		return h.at, h.err
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("waiting for the last mail: %w", ctx.Err())
	}
}

func (s *sink) stop() {
	_ = s.in.Close() // its input's end ends it
	_ = s.cmd.Wait()
}

// runSink is the process itself: it prints its address, then for every number on
// its input "counting" and, that many mails later, the time in nanoseconds.
func runSink(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &counter{out: out}
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return c, nil }))
	server.Domain = "sink.example"
	go server.Serve(l)   //nolint:errcheck // ends with Close
	defer server.Close() //nolint:errcheck // the process ends
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int64
		if _, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &n); err != nil {
			return err
		}
		c.left.Store(n)
		if _, err := fmt.Fprintln(out, "counting"); err != nil {
			return err
		}
	}
	return nil
}

// counter throws mails away and counts them. It is the session of every connection.
type counter struct {
	left atomic.Int64
	out  io.Writer
}

func (*counter) Mail(string, *gosmtp.MailOptions) error { return nil }
func (*counter) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (*counter) Reset()                                 {}
func (*counter) Logout() error                          { return nil }

func (c *counter) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if c.left.Add(-1) == 0 {
		_, err := fmt.Fprintln(c.out, time.Now().UnixNano())
		return err
	}
	return nil
}
