package main

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	countingRows  = 5_000_000 // appended beside the snapshot
	countingSteps = 50        // with a fold after each
	lookTarget    = 50        // ms, p95
)

//go:embed counting_append.sql
var countingAppendSQL string

//go:embed counting_look.sql
var countingLookSQL string

//go:embed counting_fold.sql
var countingFoldSQL string

// benchCountingHeldSnapshot looks at the counts of a day while a transaction holds a
// snapshot that was taken before five million counts were appended.
func benchCountingHeldSnapshot(ctx context.Context, e *env) error {
	rows, steps := countingRows, countingSteps
	if e.quick {
		rows, steps = 50_000, 5
	}
	held, err := e.Admin.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer held.Rollback(ctx) //nolint:errcheck // it only reads
	before, _, err := look(ctx, held)
	if err != nil {
		return err
	}
	var took []time.Duration
	for range steps {
		if _, err := e.Admin.Exec(ctx, countingAppendSQL, rows/steps); err != nil {
			return err
		}
		if _, err := e.Admin.Exec(ctx, countingFoldSQL); err != nil {
			return err
		}
		_, one, err := look(ctx, e.Admin)
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	calls, _, err := look(ctx, e.Admin)
	if err != nil {
		return err
	}
	after, _, err := look(ctx, held)
	if err != nil {
		return err
	}
	e.printf("\n%d counts appended beside a held snapshot, a fold and a look after each %d\n", rows, rows/steps)
	slices.Sort(took)
	e.report.Zero("counts that a look missed or saw twice", calls-before-rows)
	e.report.Zero("counts by which the held snapshot moved", after-before)
	e.report.AtMost("a look at the counts of a day beside a held snapshot, p95", took[len(took)*95/100].Seconds()*1000, lookTarget, "ms")
	return nil
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func look(ctx context.Context, q rowQuerier) (calls int, took time.Duration, err error) {
	start := time.Now()
	err = q.QueryRow(ctx, countingLookSQL).Scan(&calls)
	return calls, time.Since(start), err
}
