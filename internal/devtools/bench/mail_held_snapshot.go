package main

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
)

const (
	heldMails  = 200_000
	heldTarget = 0.7
)

//go:embed mail_held_snapshot.sql
var mailHeldSnapshotSQL string

// benchMailHeldSnapshot drains before and after 200,000 mails have gone through the queue
// under a transaction that holds a snapshot: their rows and index entries are
// still there, and must not be walked over.
func benchMailHeldSnapshot(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	if _, err := b.startWorker(ctx, mailConnections); err != nil {
		return err
	}
	n, held := b.round(), heldMails
	if e.quick {
		held /= 20
	}
	e.printf("\n%d mails a round, before and after %d under a transaction held open\n", n, held)
	before, err := e.alternate(ctx, side{"before", b.drain(b.enqueueSealed, n)})
	if err != nil {
		return err
	}
	tx, err := e.Admin.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // it only holds a snapshot
	if _, err := tx.Exec(ctx, mailHeldSnapshotSQL); err != nil {
		return err
	}
	for done := 0; done < held; done += n {
		if _, err := b.drain(b.enqueueSealed, n)(ctx); err != nil {
			return err
		}
	}
	after, err := e.alternate(ctx, side{"after, the transaction still open", b.drain(b.enqueueSealed, n)})
	if err != nil {
		return err
	}
	e.report.Share("drain after 200,000 mails under a held transaction / before", after[0]/before[0], heldTarget)
	return nil
}
