package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sespan/internal/transaction"
)

// EpochToday gives the epoch of the database's UTC day. Errors:
// transaction.ErrNoEpoch.
func (s *Transactions) EpochToday(ctx context.Context) (transaction.SealedEpoch, error) {
	row, err := s.pool.queries.DrawEpochToday(ctx, s.pool)
	if errors.Is(err, pgx.ErrNoRows) {
		return transaction.SealedEpoch{}, transaction.ErrNoEpoch
	}
	e := transaction.SealedEpoch{Day: row.DrawEpoch.Time, SealedSeed: row.SealedSeed}
	copy(e.SeedHash[:], row.SeedHash)
	return e, mapError(err)
}

// EpochsMissing gives the days from today to today+days that have no seed.
func (s *Transactions) EpochsMissing(ctx context.Context, days int) ([]time.Time, error) {
	dates, err := s.pool.queries.DrawEpochMissing(ctx, s.pool, int32(days)) //nolint:gosec // a handful of days
	missing := make([]time.Time, len(dates))
	for i, d := range dates {
		missing[i] = d.Time
	}
	return missing, mapError(err)
}

// EpochsInsert stores the seeds of days that have none, and tells how many.
func (s *Transactions) EpochsInsert(ctx context.Context, epochs []transaction.SealedEpoch) (int, error) {
	days, seeds, hashes := make([]pgtype.Date, len(epochs)), make([][]byte, len(epochs)), make([][]byte, len(epochs))
	for i, e := range epochs {
		days[i], seeds[i], hashes[i] = dateOf(e.Day), e.SealedSeed, e.SeedHash[:]
	}
	n, err := s.pool.queries.DrawEpochInsert(ctx, s.pool, days, seeds, hashes)
	return int(n), mapError(err)
}

func dateOf(day time.Time) pgtype.Date { return pgtype.Date{Time: day, Valid: true} }
