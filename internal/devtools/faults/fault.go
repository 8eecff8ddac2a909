package main

import (
	"context"
	_ "embed"
	"os"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed worker_backend.sql
var workerBackendSQL string

const (
	faultInterval = 700 * time.Millisecond
	swapInterval  = 3 * time.Second
)

// repeat calls do at intervals until ctx ends, which is no error.
func repeat(ctx context.Context, interval time.Duration, do func(n int) error) error {
	tick := time.NewTicker(interval)
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
	return repeat(ctx, faultInterval, func(int) error { return c.replaceWorker(context.WithoutCancel(ctx), syscall.SIGKILL, c.Binary) })
}

// replaceWorker ends the oldest worker and starts another.
func (c *campaign) replaceWorker(ctx context.Context, signal syscall.Signal, binary string) error {
	oldest := c.workers[0]
	c.workers = c.workers[1:]
	if signal == syscall.SIGKILL {
		c.killed = append(c.killed, time.Now())
	}
	oldest.End(signal)
	return c.startWorker(ctx, binary)
}

// crashDatabase kills a server process of PostgreSQL, which then ends all sessions
// at once and recovers from its log.
func crashDatabase(ctx context.Context, c *campaign) error {
	return repeat(ctx, 3*faultInterval, func(int) error { return c.crash(context.WithoutCancel(ctx)) })
}

func (c *campaign) crash(ctx context.Context) error { return crashPostgreSQL(ctx, c.Admin, &c.killed) }

func crashPostgreSQL(ctx context.Context, db *pgxpool.Pool, killed *[]time.Time) error {
	var pid int
	if err := db.QueryRow(ctx, workerBackendSQL).Scan(&pid); err != nil {
		return nil //nolint:nilerr // it is still down from the last time
	}
	*killed = append(*killed, time.Now())
	backend, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return backend.Signal(syscall.SIGKILL)
}

// restartDatabase stops PostgreSQL in good order and starts it again.
func restartDatabase(ctx context.Context, c *campaign) error {
	return repeat(ctx, 3*faultInterval, func(int) error {
		c.killed = append(c.killed, time.Now())
		err := c.RestartDatabase(context.WithoutCancel(ctx))
		c.killed = append(c.killed, time.Now())
		return err
	})
}

// killAndCrash kills workers, and every fourth time PostgreSQL.
func killAndCrash(ctx context.Context, c *campaign) error {
	return repeat(ctx, faultInterval, func(n int) error {
		if n%4 == 3 {
			return c.crash(context.WithoutCancel(ctx))
		}
		return c.replaceWorker(context.WithoutCancel(ctx), syscall.SIGKILL, c.Binary)
	})
}

// alternateVersions has workers of the previous version and of this one side by side,
// each stopped in good order for one of the other.
func alternateVersions(ctx context.Context, c *campaign) error {
	return repeat(ctx, swapInterval, func(n int) error {
		return c.replaceWorker(context.WithoutCancel(ctx), syscall.SIGTERM, []string{c.previous, c.Binary}[n%2])
	})
}
