package main

import (
	"context"
	_ "embed"
	"os"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
)

//go:embed faults_backend.sql
var faultsBackendSQL string

const (
	troublePause = 700 * time.Millisecond
	swapPause    = 3 * time.Second
)

// again calls do now and then until ctx ends, which is no error.
func again(ctx context.Context, every time.Duration, do func(n int) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := do(n); err != nil {
			return err
		}
	}
}

// killWorkers ends one worker after the other with kill -9 and starts another.
func killWorkers(ctx context.Context, c *campaign) error {
	return again(ctx, troublePause, func(int) error { return c.replace(context.WithoutCancel(ctx), syscall.SIGKILL, c.binary) })
}

// replace ends the oldest worker and hires another.
func (c *campaign) replace(ctx context.Context, signal syscall.Signal, binary string) error {
	oldest := c.workers[0]
	c.workers = c.workers[1:]
	if signal == syscall.SIGKILL {
		c.killed = append(c.killed, time.Now())
	}
	_ = oldest.cmd.Process.Signal(signal) // it has not ended by itself
	<-oldest.done
	return c.hire(ctx, binary)
}

// crashDatabase kills a server process of PostgreSQL, which then ends all sessions
// at once and recovers from its log.
func crashDatabase(ctx context.Context, c *campaign) error {
	return again(ctx, 3*troublePause, func(int) error { return c.crash(context.WithoutCancel(ctx)) })
}

func (c *campaign) crash(ctx context.Context) error {
	var pid int
	if err := c.admin.QueryRow(ctx, faultsBackendSQL).Scan(&pid); err != nil {
		return nil //nolint:nilerr // it is still down from the last time
	}
	c.killed = append(c.killed, time.Now())
	victim, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return victim.Signal(syscall.SIGKILL)
}

// restartDatabase stops PostgreSQL in good order and starts it again.
func restartDatabase(ctx context.Context, c *campaign) error {
	return again(ctx, 3*troublePause, func(int) error { return c.restart(context.WithoutCancel(ctx)) })
}

func (c *campaign) restart(ctx context.Context) error {
	c.killed = append(c.killed, time.Now())
	if err := c.server.Stop(); err != nil {
		return err
	}
	again := c.database()
	again.Port = c.server.Port()
	var err error
	c.server, err = devdb.Start(ctx, again)
	c.killed = append(c.killed, time.Now())
	return err
}

func killAndCrash(ctx context.Context, c *campaign) error {
	return again(ctx, troublePause, func(n int) error {
		if n%4 == 3 {
			return c.crash(context.WithoutCancel(ctx))
		}
		return c.replace(context.WithoutCancel(ctx), syscall.SIGKILL, c.binary)
	})
}

// swapVersions has workers of the previous version and of this one side by side,
// each stopped in good order for one of the other.
func swapVersions(ctx context.Context, c *campaign) error {
	return again(ctx, swapPause, func(n int) error {
		return c.replace(context.WithoutCancel(ctx), syscall.SIGTERM, []string{c.previous, c.binary}[n%2])
	})
}
