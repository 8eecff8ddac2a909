package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"sespan/internal/devtools/target"
)

const (
	bulkMails      = 100_000
	urgentMails    = 100
	urgentInterval = 20 * time.Millisecond
	urgentDomain   = "@urgent.example.com"
	urgentTarget   = 1000 // ms, p99
)

//go:embed mail_enqueue_bulk.sql
var mailEnqueueBulkSQL string

//go:embed mail_enqueue_priority.sql
var mailEnqueuePrioritySQL string

// benchMailUrgent enqueues codes, and mails of the default priority, while a worker has
// its hands full of less urgent mails and 100,000 more wait, and measures from the
// commit to the sink's 250.
func benchMailUrgent(ctx context.Context, e *env) error {
	for _, delay := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
		if err := urgentTo(ctx, e, delay); err != nil {
			return err
		}
	}
	return nil
}

func urgentTo(ctx context.Context, e *env, delay time.Duration) error {
	b, err := newMailBench(ctx, e, urgentSink(delay))
	if err != nil {
		return err
	}
	defer b.sink.stop()
	return b.behindBulk(ctx, e.report, "", delay)
}

func urgentSink(delay time.Duration) sinkOptions {
	return sinkOptions{Delay: delay, Log: true, LogDomain: urgentDomain}
}

// behindBulk measures both kinds; who names the way of dispatch in the report.
func (b *mailBench) behindBulk(ctx context.Context, r *target.Report, who string, delay time.Duration) error {
	bulk, n := bulkMails, urgentMails
	if b.quick {
		bulk, n = bulk/10, n/5
	}
	tx, err := b.transaction(ctx, mailEnqueueBulkSQL, bulk, b.subject, b.text, b.html)
	if err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	worker, err := b.startWorker(ctx, mailConnections)
	if err != nil {
		return err
	}
	defer worker.Stop()
	b.printf("\n%sBehind %d bulk mails (priority 9), %d connections, a server that takes %s for a mail: commit to the sink's 250\n", who, bulk, mailConnections, delay)
	time.Sleep(3 * time.Second) // the worker is at its full speed
	for _, kind := range []struct {
		name     string
		priority int
	}{{"codes (priority 0)", 0}, {"mails of the default priority (5)", 5}} {
		p99, err := b.urgent(ctx, kind.name, kind.priority, n)
		if err != nil {
			return err
		}
		r.AtMost(fmt.Sprintf("%s%s behind bulk, a server of %s, p99", who, kind.name, delay), p99, urgentTarget, "ms")
	}
	_, err = b.Admin.Exec(ctx, mailClearSQL)
	return err
}

// urgent enqueues n mails, one each interval, and gives the p99 in milliseconds.
func (b *mailBench) urgent(ctx context.Context, name string, priority, n int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	to := func(i int) string { return fmt.Sprintf("p%d-%d%s", priority, i, urgentDomain) }
	arrived := make(map[string]time.Time, n)
	received := make(chan error, 1)
	go func() { received <- b.sink.received(n, arrived) }()
	committed, err := b.enqueueEach(ctx, urgentInterval, n, func(i int) (openTx, error) {
		return b.transaction(ctx, mailEnqueuePrioritySQL, to(i), b.subject, b.text[i%mailVariants], b.html[i%mailVariants], priority)
	})
	if err != nil {
		return 0, err
	}
	select {
	case err = <-received:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for the last mail: %w", ctx.Err())
	}
	if err != nil {
		return 0, err
	}
	latencies := make([]time.Duration, n)
	for i := range latencies {
		latencies[i] = arrived[to(i)].Sub(committed[i])
	}
	slices.Sort(latencies)
	ms := func(share float64) float64 { return latencies[int(share*float64(n-1))].Seconds() * 1000 }
	b.printf("  %-36s p50 %.0f, p90 %.0f, p99 %.0f, longest %.0f ms\n", name, ms(0.5), ms(0.9), ms(0.99), ms(1))
	return ms(0.99), nil
}
