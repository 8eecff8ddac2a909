package postgres

import (
	"context"
	"math"
	"time"
)

// MailChannel is the channel of the doorbell: NOTIFY on it wakes the workers.
const MailChannel = "sespan_mail"

// SuppressNotify keeps inserts from notifying for d, in whole seconds.
func (s *Mail) SuppressNotify(ctx context.Context, d time.Duration) error {
	return mapError(s.pool.queries.MailSuppressNotify(ctx, s.pool, int32(math.Ceil(d.Seconds()))))
}

// AllowNotify makes inserts notify again and counts the transactions that may not know it yet.
func (s *Mail) AllowNotify(ctx context.Context) (inserters int, on bool, err error) {
	n, err := s.pool.queries.MailAllowNotify(ctx, s.pool)
	return max(int(n), 0), n >= 0, mapError(err)
}

// OpenInserters counts these transactions again.
func (s *Mail) OpenInserters(ctx context.Context) (int, error) {
	n, err := s.pool.queries.MailOpenInserters(ctx, s.pool)
	return int(n), mapError(err)
}

// Notify wakes the workers that sleep.
func (s *Mail) Notify(ctx context.Context) error {
	return mapError(s.pool.queries.MailNotify(ctx, s.pool))
}
