package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/testbed"
)

var (
	//go:embed prepare.sql
	prepareSQL string
	//go:embed fill_transactions.sql
	fillTransactionsSQL string
	//go:embed fill_log.sql
	fillLogSQL string
	//go:embed fill_counts.sql
	fillCountsSQL string
	//go:embed facts.sql
	factsSQL string
)

const portion = 200_000 // rows of one statement

// facts are rows that the calls ask for.
type facts struct {
	now                   time.Time
	transaction, customer int64
	rareTier              int64
	response, ip          string
}

// fill fills the tables in, past their triggers, and then the counts.
func fill(ctx context.Context, e *testbed.Env, rows int) (facts, error) {
	began := time.Now()
	conn, err := e.Admin.Acquire(ctx)
	if err != nil {
		return facts{}, err
	}
	defer conn.Release()
	for _, statement := range []string{prepareSQL, "SET session_replication_role = replica", "SET synchronous_commit = off", "SET work_mem = '256MB'"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return facts{}, err
		}
	}
	for _, statement := range []string{fillTransactionsSQL, fillLogSQL} {
		for from := 1; from <= rows; from += portion {
			if _, err := conn.Exec(ctx, statement, from, min(from+portion-1, rows), rows); err != nil {
				return facts{}, err
			}
		}
	}
	if _, err := conn.Exec(ctx, fillCountsSQL); err != nil {
		return facts{}, err
	}
	if err := fold(ctx, conn); err != nil {
		return facts{}, err
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return facts{}, err
	}
	f := facts{rareTier: 5}
	err = conn.QueryRow(ctx, factsSQL).Scan(&f.transaction, &f.customer, &f.response, &f.ip, &f.now)
	f.now = f.now.Truncate(24 * time.Hour).UTC()
	e.Printf("%d transactions and %d rows of the log were filled in within %s\n", rows, rows, time.Since(began).Round(time.Second))
	return f, err
}

// fold sums the counts until nothing is left to sum.
func fold(ctx context.Context, conn *pgxpool.Conn) error {
	for range 1000 {
		var more *bool
		if err := conn.QueryRow(ctx, "SELECT more FROM sespan.stats_fold()").Scan(&more); err != nil {
			return err
		}
		if more != nil && !*more {
			return nil
		}
	}
	return fmt.Errorf("the counts are never folded")
}
