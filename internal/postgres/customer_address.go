package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxShared bounds the count of shared addresses.
const maxShared = 1000

// Addresses tells whether an address leads to one customer.
type Addresses struct {
	// Unique by an index: nothing was counted.
	Unique bool
	// Indexed: an index serves look-ups by address.
	Indexed bool
	// Counted is false when the count took too long.
	Counted bool
	// Shared addresses of several customers, empty ones not among them.
	Shared int
	// More: there are more than Shared.
	More bool
	// Empty: several customers have no address, so that UniqueIndex leaves them out
	// and serves no look-up.
	Empty bool
	// UniqueIndex is the statement that keeps addresses apart, LookUpIndex the one
	// that serves look-ups alone. Both are on upper(), which serves Django's iexact, too;
	// where the locale does not pair i with I, on what is folded without it.
	UniqueIndex, LookUpIndex string
}

// Addresses looks at the bound addresses. It reads every customer where no index
// tells, but ends that after the given time.
func (p *Pool) Addresses(ctx context.Context, limit time.Duration) (Addresses, error) {
	at, err := p.queries.CustomerAddressIndexes(ctx, p.Pool)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Addresses{}, unavailable("No customer table is bound, or it has gone.", err)
	case err != nil:
		return Addresses{}, mapError(err)
	}
	indexed := at.Qualified + " (" + foldedColumn(at.Email, at.Plain) + ")"
	a := Addresses{
		Unique: at.IsUnique, Indexed: at.Indexed,
		LookUpIndex: "CREATE INDEX CONCURRENTLY ON " + indexed, UniqueIndex: "CREATE UNIQUE INDEX CONCURRENTLY ON " + indexed,
	}
	if a.Unique {
		return a, nil
	}
	err = pgx.BeginTxFunc(ctx, p.Pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := p.queries.CustomerAddressBound(ctx, tx, max(limit.Milliseconds(), 1)); err != nil {
			return err
		}
		row, err := p.queries.CustomerAddressShared(ctx, tx, maxShared+1)
		if err != nil {
			return err
		}
		a.Counted, a.Shared, a.More = true, min(int(row.Shared), maxShared), row.Shared > maxShared
		if a.Empty = row.Empty; a.Empty {
			a.UniqueIndex += fmt.Sprintf(" WHERE %s <> ''", at.Email)
		}
		return nil
	})
	if isState(err, stateQueryCanceled) {
		return a, nil
	}
	return a, mapError(err)
}

// foldedColumn is the expression of an index for look-ups of addresses.
func foldedColumn(quoted string, plain bool) string {
	if plain {
		return "upper(" + quoted + ")"
	}
	return "lower(" + quoted + ` COLLATE "C")`
}
