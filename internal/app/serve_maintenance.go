package app

import (
	"context"
	"crypto/rand"
	"time"

	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const (
	partitionsAhead  = 7
	maintenanceEvery = 10 * time.Minute
	keepCodes        = 30 * 24 * time.Hour
	keepEvents       = 60 * 24 * time.Hour // of delivery: longer than any signature is accepted
	sweepPortion     = 5000
)

// chore is a task of maintenance; any number of processes may do it at once.
type chore struct {
	name string
	do   func(context.Context) error
}

// chores make partitions and draw epochs ahead and sweep what has outlived its use.
func (s *server) chores() []chore {
	store := postgres.NewTransactions(s.pool)
	epochs := transaction.NewEpochs(store, s.cfg.Ring, rand.Reader)
	codes, events := postgres.NewOTPStore(s.pool), postgres.NewEvents(s.pool)
	return []chore{
		{"partitions", func(ctx context.Context) error { _, err := s.pool.PartitionEnsure(ctx, partitionsAhead); return err }},
		{"draw epochs", func(ctx context.Context) error { _, err := epochs.Ensure(ctx); return err }},
		{"old codes", func(ctx context.Context) error {
			for swept := int64(sweepPortion); swept >= sweepPortion; {
				var err error
				if swept, err = codes.Sweep(ctx, keepCodes.Seconds(), sweepPortion); err != nil {
					return err
				}
			}
			return nil
		}},
		{"old mails", postgres.NewMailRetention(s.pool, s.logger).Run},
		{"old mail events", func(ctx context.Context) error { return events.Tidy(ctx, keepEvents) }},
	}
}

// startMaintenance does the chores now and then, sooner after a failure.
func (s *server) startMaintenance(context.Context) error {
	chores := s.chores()
	s.lifecycle.start("maintenance", func(ctx context.Context) error {
		wait := time.Duration(0)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = maintenanceEvery
			for _, c := range chores {
				if err := c.do(ctx); err != nil && ctx.Err() == nil {
					s.logger.WarnContext(ctx, "maintenance failed; it is tried again", "task", c.name, "error", err)
					wait = 10 * time.Second
				}
			}
		}
	})
	return nil
}
