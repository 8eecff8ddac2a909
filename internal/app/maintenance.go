package app

import (
	"context"
	"crypto/rand"
	"time"

	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const (
	partitionsAhead       = 7
	maintenanceEvery      = 10 * time.Minute
	maintenanceAfterError = 10 * time.Second
	keepCodes             = 30 * 24 * time.Hour
	keepEvents            = 60 * 24 * time.Hour // of delivery: longer than any signature is accepted
	sweepBatch            = 5000
)

// task is one of maintenance; any number of processes may do it at once.
type task struct {
	name string
	do   func(context.Context) error
}

// tasks make partitions and draw epochs ahead and sweep what has outlived its use.
func (a *App) tasks() []task {
	store := postgres.NewTransactions(a.pool)
	epochs := transaction.NewEpochs(store, a.cfg.Ring, rand.Reader)
	codes, events := postgres.NewOTPStore(a.pool), postgres.NewMailEvents(a.pool)
	return []task{
		{"partitions", func(ctx context.Context) error { _, err := a.pool.PartitionEnsure(ctx, partitionsAhead); return err }},
		{"draw epochs", func(ctx context.Context) error { _, err := epochs.Ensure(ctx); return err }},
		{"seals of draw epochs", func(ctx context.Context) error {
			renewed, err := transaction.NewSeals(store, a.cfg.Ring).Renew(ctx)
			if renewed > 0 {
				a.logger.InfoContext(ctx, "seeds of draws are sealed under the key in front now", "seeds", renewed, "key", a.cfg.Ring.Current())
			}
			return err
		}},
		{"old codes", func(ctx context.Context) error {
			for swept := int64(sweepBatch); swept >= sweepBatch; {
				var err error
				if swept, err = codes.Sweep(ctx, keepCodes.Seconds(), sweepBatch); err != nil {
					return err
				}
			}
			return nil
		}},
		{"old API log", func(ctx context.Context) error { return a.logRetention().Shrink(ctx, a.cfg.APILogMaxBytes) }},
		{"old mails", postgres.NewMailRetention(a.pool, a.logger).Run},
		{"audit", func(ctx context.Context) error { return postgres.NewAudit(a.pool).Sweep(ctx, a.cfg.AuditDays) }},
		{"old mail events", func(ctx context.Context) error { return events.Cleanup(ctx, keepEvents) }},
	}
}

// startMaintenance does the tasks now and then.
func (a *App) startMaintenance(context.Context) error {
	a.lifecycle.start("maintenance", func(ctx context.Context) error {
		a.repeat(ctx, a.tasks(), maintenanceEvery, maintenanceAfterError, func() {})
		return nil
	})
	a.startCounting()
	return nil
}

// repeat does the tasks again and again until ctx ends, sooner after a failure.
func (a *App) repeat(ctx context.Context, tasks []task, every, afterError time.Duration, failed func()) {
	wait := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = every
		for _, t := range tasks {
			if err := t.do(ctx); err != nil && ctx.Err() == nil {
				a.logger.WarnContext(ctx, "maintenance failed; it is tried again", "task", t.name, "error", err)
				wait = afterError
				failed()
			}
		}
	}
}
