package main

import (
	"context"
	_ "embed"
	"encoding/json"
)

const (
	batchMails  = 1000
	batchTarget = 8000 // mails a second
)

//go:embed mail_enqueue_batch.sql
var mailEnqueueBatchSQL string

//go:embed mail_insert_batch.sql
var mailInsertBatchSQL string

//go:embed mail_clear.sql
var mailClearSQL string

// benchMailBatch enqueues a thousand mails per call, from one connection, beside
// plain INSERTs of the same rows.
func benchMailBatch(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	list := make([]map[string]string, batchMails)
	for i := range list {
		list[i] = map[string]string{
			"recipient": recipient(i), "subject": b.subject, "body_text": b.text[i%mailVariants], "body_html": b.html[i%mailVariants], "category": "order",
		}
	}
	batch, err := json.Marshal(list)
	if err != nil {
		return err
	}
	e.printf("\nmail_enqueue_batch, %d mails per transaction, one connection\n", batchMails)
	enqueueBy := func(name, statement string) side {
		return side{name, func(ctx context.Context) (sample, error) {
			s, err := b.sample(func() (float64, error) {
				calls, err := parallel(ctx, 1, b.length, func(int) (bool, error) {
					_, err := b.Admin.Exec(ctx, statement, string(batch))
					return true, err
				})
				return calls * batchMails, err
			})
			if err == nil {
				_, err = b.Admin.Exec(ctx, mailClearSQL)
			}
			return s, err
		}}
	}
	medians, err := e.alternate(ctx, enqueueBy("mail_enqueue_batch", mailEnqueueBatchSQL), enqueueBy("plain INSERT", mailInsertBatchSQL))
	if err != nil {
		return err
	}
	e.report.AtLeast("mails enqueued in batches of 1,000", medians[0], batchTarget, "/s")
	e.report.Share("the same, as a share of plain multi-row INSERTs of these rows", medians[0]/medians[1], 0)
	return nil
}
