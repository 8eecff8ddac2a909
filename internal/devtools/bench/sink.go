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
	"time"
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

func startSink(ctx context.Context, o sinkOptions) (*sink, error) {
	how, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s := &sink{cmd: exec.CommandContext(ctx, "/proc/self/exe")}
	s.cmd.Env = append(os.Environ(), sinkEnv+"="+string(how))
	s.cmd.Stderr = os.Stderr
	dieTogether(s.cmd)
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

// taken notes when each of n mails was taken, by recipient; the sink logs.
func (s *sink) taken(n int, at map[string]time.Time) error {
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
	_ = s.in.Close() // its input's end ends it
	_ = s.cmd.Wait() // a second time it is over already
}
