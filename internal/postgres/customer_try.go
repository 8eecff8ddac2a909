package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/postgres/dbsqlc"
)

// errNotTried says that the trial of a customer could not be made.
var errNotTried = errors.New("not tried")

// TryCustomers reads and activates a customer as a verification does, with the rights
// of the pool's login, and undoes it: "customer 7", or "none" on a table without
// customers. Its error is a sentence that names what of the site stands in the way,
// and what to do about it.
func (p *Pool) TryCustomers(ctx context.Context) (string, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return "", mapError(err)
	}
	defer conn.Release()
	return tryCustomers(ctx, p.queries, conn.Conn(), "")
}

func tryCustomers(ctx context.Context, q *dbsqlc.Queries, conn *pgx.Conn, role string) (tried string, err error) {
	tx, err := conn.BeginTx(ctx, readCommitted)
	if err != nil {
		return "", mapError(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // a trial is never kept
	if role != "" {                               // ends with the transaction
		if err := q.SchemaActAs(ctx, tx, role); err != nil {
			return "", fmt.Errorf("%w: this login may not act as %s", errNotTried, role)
		}
	}
	tried, err = q.CustomerTry(ctx, tx)
	return tried, trialError(err)
}

// trialError is for the operator: the site's own words and the advice are in it.
func trialError(err error) error {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && pe.Code == stateRefused && pe.Detail != "":
		return fmt.Errorf("%s: %s; %s", pe.Message, pe.Detail, pe.Hint)
	case ok && pe.Code == stateRefused:
		return fmt.Errorf("%s; %s", pe.Message, pe.Hint)
	case ok && pe.Code == stateLockNotAvailable:
		return fmt.Errorf("%w: somebody has locked the customer that was to be tried", errNotTried)
	}
	return mapError(err)
}

// NotTried tells whether an error of TryCustomers says only that there was no trial.
func NotTried(err error) bool { return errors.Is(err, errNotTried) }
