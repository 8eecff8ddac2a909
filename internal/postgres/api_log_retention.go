package postgres

import (
	"context"
	"log/slog"
	"time"
)

// APILogRetention keeps the API log within its days and bytes: apilog.Room. Every step
// is a transaction of its own, so a process may end between them and any number may run
// it at once.
type APILogRetention struct {
	pool   *Pool
	logger *slog.Logger
	days   int32
}

// NewAPILogRetention makes it for a log of so many days.
func NewAPILogRetention(pool *Pool, logger *slog.Logger, days int) *APILogRetention {
	return &APILogRetention{pool, logger, int32(days)} //nolint:gosec // 1 to 36500, checked
}

// Size is what the log takes on disk, with bodies and indexes.
func (r *APILogRetention) Size(ctx context.Context) (int64, error) {
	bytes, err := r.pool.queries.APILogSize(ctx, r.pool)
	return bytes, mapError(err)
}

// Shrink drops what is older than the days and, while the log takes more than the bytes,
// bodies and days, the oldest first. It does not queue for locks, so it may have to retry.
func (r *APILogRetention) Shrink(ctx context.Context, bytes int64) error {
	for busy := 0; busy < retireTries; {
		step, err := r.pool.queries.APILogRetire(ctx, r.pool, bytes, r.days)
		if err != nil {
			return mapError(err)
		}
		switch step.Outcome {
		case "day", "bodies", "made":
			busy = 0
			r.logger.InfoContext(ctx, "api log: room was made", "what", step.Outcome, "day", step.Day)
		case "busy":
			busy++
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(retirePause):
			}
		default: // done, or full
			return nil
		}
	}
	r.logger.InfoContext(ctx, "api log: it is in use without a pause; room is made later")
	return nil
}
