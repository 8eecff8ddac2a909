package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sespan/internal/postgres/dbsqlc"
)

const (
	retentionPortion = 2000
	retireTries      = 20
	retirePause      = 250 * time.Millisecond
)

// MailRetention drops days of mails and sweeps what lived longer than they. Every
// step is a transaction of its own that leaves nothing half done, so a process may
// end between them and any number may run it at once.
type MailRetention struct {
	pool   *Pool
	logger *slog.Logger
}

// NewMailRetention makes it.
func NewMailRetention(pool *Pool, logger *slog.Logger) *MailRetention {
	return &MailRetention{pool, logger}
}

// Run does all that is due now.
func (r *MailRetention) Run(ctx context.Context) error {
	if err := r.retire(ctx); err != nil {
		return fmt.Errorf("days: %w", err)
	}
	if err := r.sweep(ctx); err != nil {
		return fmt.Errorf("old rows: %w", err)
	}
	if err := r.release(ctx); err != nil {
		return fmt.Errorf("attachments in use: %w", err)
	}
	if err := r.sweepFiles(ctx); err != nil {
		return fmt.Errorf("attachments: %w", err)
	}
	return nil
}

// retire drops one day after the other. It does not queue for the tables' locks, so
// it may have to retry.
func (r *MailRetention) retire(ctx context.Context) error {
	after := ""
	for busy := 0; busy < retireTries; {
		row, err := r.pool.queries.MailRetire(ctx, r.pool, after)
		if err != nil {
			return mapError(err)
		}
		switch row.Outcome {
		case "dropped":
			busy = 0
			r.logger.InfoContext(ctx, "mail: a day is over its retention and was dropped", "day", row.Day, "kept_rows", row.Moved)
		case "kept":
			after = row.Day
			r.logger.InfoContext(ctx, "mail: a day is over its retention but holds very many live mails", "day", row.Day)
		case "busy":
			busy++
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(retirePause):
			}
		default:
			return nil
		}
	}
	r.logger.InfoContext(ctx, "mail: the tables are in use without a pause; days are dropped later")
	return nil
}

func (r *MailRetention) sweep(ctx context.Context) error {
	for swept := int32(retentionPortion); swept >= retentionPortion; {
		var err error
		if swept, err = r.pool.queries.MailSweep(ctx, r.pool, retentionPortion); err != nil {
			return mapError(err)
		}
	}
	return nil
}

// release walks over the references to files once.
func (r *MailRetention) release(ctx context.Context) error {
	at := dbsqlc.MailAttachmentReleaseRow{AfterSha256: []byte{}}
	for {
		var err error
		at, err = r.pool.queries.MailAttachmentRelease(ctx, r.pool, at.AfterSha256, at.AfterID, retentionPortion)
		if err != nil || len(at.AfterSha256) == 0 {
			return mapError(err)
		}
	}
}

func (r *MailRetention) sweepFiles(ctx context.Context) error {
	for {
		row, err := r.pool.queries.MailAttachmentSweep(ctx, r.pool, retentionPortion)
		if err != nil || row.Looked < retentionPortion {
			return mapError(err)
		}
	}
}
