package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
)

// sinkEnv makes this program a mail sink: an SMTP server in a process of its own,
// so that its cost is the same for every sender.
const sinkEnv = "SESPAN_BENCH_SINK"

// sinkOptions say how the sink behaves; zero is a near and quick one.
type sinkOptions struct {
	WithoutChunking bool          // does not offer CHUNKING
	RoundTrip       time.Duration // latency of its replies
	Delay           time.Duration // for each mail
	Log             bool          // prints each mail's recipient and time instead of counting
	LogDomain       string        // only of recipients in this domain, such as @example.com; "" for all
}

func (o sinkOptions) String() string {
	if o.WithoutChunking {
		return " without CHUNKING"
	}
	return ""
}

// runSink is the process itself: it prints its address, then for every number on
// its input "counting" and, that many mails later, the time in nanoseconds.
func runSink(ctx context.Context, in io.Reader, out io.Writer) error {
	var o sinkOptions
	if err := json.Unmarshal([]byte(os.Getenv(sinkEnv)), &o); err != nil {
		return err
	}
	var remaining atomic.Int64
	received := func(recipient string) {
		switch {
		case o.Log && !strings.HasSuffix(recipient, o.LogDomain):
		case o.Log:
			fmt.Fprintln(out, recipient, time.Now().UnixNano())
		case remaining.Add(-1) == 0:
			fmt.Fprintln(out, time.Now().UnixNano())
		}
	}
	server, err := smtptest.ListenSink(ctx, smtptest.SinkOptions{
		WithoutChunking: o.WithoutChunking, RoundTrip: o.RoundTrip, Delay: o.Delay, OnReceived: received,
	})
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := fmt.Fprintln(out, server.Address); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int64
		if _, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &n); err != nil {
			return err
		}
		remaining.Store(n)
		if _, err := fmt.Fprintln(out, "counting"); err != nil {
			return err
		}
	}
	return nil
}

// sink is that process, seen from the outside.
type sink struct {
	cmd   *exec.Cmd
	addr  string
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startSink(ctx context.Context, o sinkOptions) (*sink, error) {
	encoded, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s := &sink{cmd: exec.CommandContext(ctx, "/proc/self/exe")}
	s.cmd.Env = append(os.Environ(), sinkEnv+"="+string(encoded))
	s.cmd.Stderr = os.Stderr
	testbed.KillWithParent(s.cmd)
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
		return "", errors.Join(errors.New("the mail sink has ended"), s.lines.Err())
	}
	return s.lines.Text(), nil
}

// expect has the sink report when it has received n more mails; wait waits for that.
func (s *sink) expect(n int) error {
	if _, err := fmt.Fprintln(s.in, n); err != nil {
		return err
	}
	_, err := s.line() // it counts from now on
	return err
}

// wait gives the moment at which the last expected mail was received.
func (s *sink) wait(ctx context.Context) (time.Time, error) {
	type answer struct {
		at  time.Time
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		var nanos int64
		text, err := s.line()
		if err == nil {
			_, err = fmt.Sscan(text, &nanos)
		}
		answers <- answer{time.Unix(0, nanos), err}
	}()
	select {
	case a := <-answers:
		return a.at, a.err
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("waiting for the last mail: %w", ctx.Err())
	}
}

// received notes when each of n mails was received, by recipient; the sink logs.
func (s *sink) received(n int, at map[string]time.Time) error {
	for len(at) < n {
		text, err := s.line()
		if err != nil {
			return err
		}
		var recipient string
		var nanos int64
		if _, err := fmt.Sscan(text, &recipient, &nanos); err != nil {
			return err
		}
		at[recipient] = time.Unix(0, nanos)
	}
	return nil
}

func (s *sink) stop() {
	_ = s.in.Close() // the end of its input ends it
	_ = s.cmd.Wait() // a second time it is over already
}
