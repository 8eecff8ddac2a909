package postgres

import (
	"context"
	"time"
)

// Counts folds what triggers have counted; see the file 025_stats.sql. Every method
// is a transaction that leaves nothing half done, so any number of processes may
// call them at once.
type Counts struct{ pool *Pool }

// NewCounts makes it.
func NewCounts(pool *Pool) *Counts { return &Counts{pool} }

// Folded is what a fold left.
type Folded struct {
	Ran   bool      // false: another process was at it
	Fresh int64     // counts that are not in the sums yet
	At    time.Time // of the last fold, by the database's clock
}

// Fold sums all counts of transactions that are over.
func (c *Counts) Fold(ctx context.Context) (Folded, error) {
	for {
		row, err := c.pool.queries.StatsFold(ctx, c.pool)
		if err != nil {
			return Folded{}, mapError(err)
		}
		if row.Ran && row.More {
			continue
		}
		at, err := c.pool.queries.StatsFoldedAt(ctx, c.pool)
		return Folded{row.Ran, row.Fresh, at}, mapError(err)
	}
}

// SetTimeZone says in which zone the days of the site are, and makes them.
func (c *Counts) SetTimeZone(ctx context.Context, zone string) error {
	inUse, err := c.pool.queries.StatsSetTimeZone(ctx, c.pool, zone)
	for err == nil && !inUse {
		inUse, err = c.pool.queries.StatsSumDays(ctx, c.pool)
	}
	return mapError(err)
}

// PartitionEnsure makes the partitions of this hour and the given number of further ones,
// a few at a time, the present hour's first.
func (c *Counts) PartitionEnsure(ctx context.Context, hours int32) error {
	_, err := inBatches(func(most int32) (int32, error) { return c.pool.queries.StatsPartitionEnsure(ctx, c.pool, hours, most) })
	return mapError(err)
}

// Retire drops hours of counts that were folded long ago, until there are no more or
// somebody is in the way, who is not waited for.
func (c *Counts) Retire(ctx context.Context) error {
	for {
		row, err := c.pool.queries.StatsRetire(ctx, c.pool)
		if err != nil || row.Outcome != "dropped" {
			return mapError(err)
		}
	}
}
