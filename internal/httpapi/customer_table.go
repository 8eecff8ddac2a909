package httpapi

import (
	"context"

	"sespan/internal/problem"
)

// customerTables knows the table of the site that is bound: postgres.CustomerTables.
type customerTables interface {
	// Check gives the problem customer-table-mismatch for another table.
	Check(ctx context.Context, table string) error
}

// customerTable is the table whose keys a caller's customer ids are, schema.table;
// empty from a caller that does not say it.
type customerTable string

// check refuses a call that means the customers of another table, before it does
// anything: their keys are other people's.
func (t customerTable) check(ctx context.Context, tables customerTables) error {
	if t == "" || tables == nil {
		return nil
	}
	err := tables.Check(ctx, string(t))
	if problem.SlugOf(err) == problem.CustomerTableMismatch {
		requestContextOf(ctx).customerID = nil // a token's customer is nobody whom the log knows
	}
	return err
}
