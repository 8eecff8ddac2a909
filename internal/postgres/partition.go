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
// A table that is locked does not keep the others from theirs. A few are made at a time:
// on a slow server each statement stays within its timeout, and gets on.
func (p *Pool) PartitionEnsure(ctx context.Context, days int32) (int, error) {
	tables, err := p.queries.PartitionTables(ctx, p.Pool)
	if err != nil {
		return 0, mapError(err)
	}
	var total int
	var errs []error
	for _, table := range tables {
		made, err := inBatches(func(most int32) (int32, error) { return p.queries.PartitionEnsure(ctx, p.Pool, table, days, most) })
		if err != nil {
			errs = append(errs, fmt.Errorf("partitions of %s: %w", table, mapError(err)))
		}
		total += made
	}
	return total, errors.Join(errs...)
}

// partitionBatch is how many partitions one statement makes at most.
const partitionBatch = 4

// inBatches goes on as long as whole batches are made: what makes fewer has nothing
// left, or somebody is in its way.
func inBatches(ensure func(most int32) (int32, error)) (total int, err error) {
	for made := int32(partitionBatch); made >= partitionBatch && err == nil; {
		made, err = ensure(partitionBatch)
		total += int(made)
	}
	return total, err
}
