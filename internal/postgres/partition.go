package postgres

import (
	"context"
	"errors"
	"fmt"
)

// PartitionEnsure makes the partitions of all our partitioned tables for today
// and the given number of further UTC days, and gives how many were new.
// Maintenance calls it now and then, in any number of processes; a day that
// nobody made in time is no loss, its rows wait in the default partition.
// A table that is locked does not keep the others from theirs.
func (p *Pool) PartitionEnsure(ctx context.Context, days int32) (int, error) {
	tables, err := p.queries.PartitionTables(ctx, p.Pool)
	if err != nil {
		return 0, mapError(err)
	}
	var total int
	var errs []error
	for _, table := range tables {
		made, err := p.queries.PartitionEnsure(ctx, p.Pool, table, days)
		if err != nil {
			errs = append(errs, fmt.Errorf("partitions of %s: %w", table, mapError(err)))
		}
		total += int(made)
	}
	return total, errors.Join(errs...)
}
