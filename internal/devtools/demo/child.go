package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// command says how a program of the demonstration is run.
type command struct {
	name string
	args []string
	env  []string
	dir  string
}

// child is a running program; its output goes to a log file.
type child struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the ended program; read after done
}

func (d *demo) prepared(c command) (*exec.Cmd, *os.File, error) {
	log, err := os.Create(d.logFile(c.name))
	if err != nil {
		return nil, nil, err
	}
	// Not bound to a context: programs are stopped in order, see stop.
	cmd := exec.Command(c.args[0], c.args[1:]...) //nolint:gosec,noctx // the demonstration's own programs
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, append(os.Environ(), c.env...), log, log
	cmd.SysProcAttr = ownGroup()
	return cmd, log, nil
}

func (d *demo) logFile(name string) string { return filepath.Join(d.path("log"), name+".log") }

// run runs a program to its end and gives the end of its log when it fails.
func (d *demo) run(ctx context.Context, c command) error {
	cmd, log, err := d.prepared(c)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the program has written what it had to say
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	stop := context.AfterFunc(ctx, func() { signalGroup(cmd, syscall.SIGTERM) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s failed (%w):\n%s", c.name, err, tail(d.logFile(c.name)))
	}
	return nil
}

// start starts a program and waits until its page answers.
func (d *demo) start(ctx context.Context, c command, page string) error {
	cmd, log, err := d.prepared(c)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", c.name, err), log.Close())
	}
	one := &child{name: c.name, log: d.logFile(c.name), cmd: cmd, done: make(chan struct{})}
	d.children = append(d.children, one)
	go func() {
		one.err = cmd.Wait()
		log.Close() //nolint:errcheck // the program has written what it had to say
		close(one.done)
	}()
	return one.ready(ctx, page)
}

// ready polls the page until it answers, whatever it says.
func (c *child) ready(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return c.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer at %s; its log is %s", c.name, page, c.log)
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode >= http.StatusInternalServerError {
			continue
		}
		return nil
	}
}

func (c *child) failure() error {
	return fmt.Errorf("%s ended (%w); the end of %s:\n%s", c.name, orDone(c.err), c.log, tail(c.log))
}

func orDone(err error) error {
	if err == nil {
		return errors.New("by itself")
	}
	return err
}

const stopWithin = 15 * time.Second

// stop asks the program to end, and makes it when it does not.
func (c *child) stop() {
	signalGroup(c.cmd, syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopWithin):
		signalGroup(c.cmd, syscall.SIGKILL)
		<-c.done
	}
}

// tail gives the last lines of a log.
func tail(path string) string {
	raw, err := os.ReadFile(path) //nolint:gosec // our own log
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-15):], "\n  ")
}
