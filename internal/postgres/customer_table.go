package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/problem"
)

// CustomerTables knows which table of the site is bound, and refuses callers that
// mean the customers of another one. It is safe for concurrent use.
type CustomerTables struct {
	pool  *Pool
	clock func() time.Time

	mu    sync.Mutex
	read  time.Time
	bound [2]string // schema and name; empty: none
}

// bindingAge is how old the known binding may be: another one is an operator's doing,
// and the calls of a second share what a few of them read.
const bindingAge = time.Second

// NewCustomerTables makes the store.
func NewCustomerTables(pool *Pool, clock func() time.Time) *CustomerTables {
	return &CustomerTables{pool: pool, clock: clock}
}

// Check compares a table, schema.table with quotes as in SQL or without any, with the
// bound one. Problems: customer-table-mismatch, unavailable. Where nothing is bound,
// the call itself tells that.
func (c *CustomerTables) Check(ctx context.Context, table string) error {
	bound, err := c.current(ctx)
	if err != nil {
		return mapError(err)
	}
	if bound == [2]string{} || table == bound[0]+"."+bound[1] {
		return nil
	}
	if parts, rest, err := splitIdentifiers(table); err == nil && rest == "" && slices.Equal(parts, bound[:]) {
		return nil
	}
	return problem.New(problem.CustomerTableMismatch,
		"This Sespan serves the customers of another table; have sespan bind-customers bind this one, or call the Sespan that serves it.").
		AtField("customer_table")
}

func (c *CustomerTables) current(ctx context.Context) ([2]string, error) {
	now := c.clock()
	c.mu.Lock()
	bound, fresh := c.bound, now.Sub(c.read).Abs() < bindingAge
	c.mu.Unlock()
	if fresh {
		return bound, nil
	}
	// Outside of the lock: nobody waits for another caller's database.
	row, err := c.pool.queries.CustomerBound(ctx, c.pool)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return [2]string{}, err
	}
	bound = [2]string{row.TableSchema, row.TableName}
	c.mu.Lock()
	c.bound, c.read = bound, now
	c.mu.Unlock()
	return bound, nil
}
