package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"
)

const (
	singleMails    = 1000
	singleInterval = 10 * time.Millisecond
)

//go:embed mail_enqueue_one.sql
var mailEnqueueOneSQL string

// benchMailLatency commits one mail each 10 ms, whatever became of those before
// it, and measures from the commit to the sink's 250.
func benchMailLatency(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{Log: true})
	if err != nil {
		return err
	}
	if _, err := b.startWorker(ctx, mailConnections); err != nil {
		return err
	}
	n := singleMails
	if e.quick {
		n /= 10
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	received := make(chan error, 1)
	arrived := make(map[string]time.Time, n)
	go func() { received <- b.sink.received(n, arrived) }()
	committed, err := b.enqueueSingles(ctx, n)
	if err != nil {
		return err
	}
	select {
	case err = <-received:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for the last mail: %w", ctx.Err())
	}
	if err != nil {
		return err
	}
	latencies := make([]time.Duration, n)
	for i := range latencies {
		latencies[i] = arrived[recipient(i)].Sub(committed[i])
	}
	slices.Sort(latencies)
	ms := func(share float64) float64 { return latencies[int(share*float64(n-1))].Seconds() * 1000 }
	e.printf("\nOne mail each %s, %d mails: commit to the sink's 250 p50 %.1f, p90 %.1f, p99 %.1f, longest %.1f ms\n", singleInterval, n, ms(0.5), ms(0.9), ms(0.99), ms(1))
	e.report.AtMost("one mail each 10 ms, commit to the sink's 250, p50", ms(0.5), 5, "ms")
	e.report.AtMost("one mail each 10 ms, commit to the sink's 250, p99", ms(0.99), 25, "ms")
	return nil
}

// enqueueSingles enqueues one mail each 10 ms.
func (b *mailBench) enqueueSingles(ctx context.Context, n int) ([]time.Time, error) {
	return b.enqueueEach(ctx, singleInterval, n, func(i int) (openTx, error) {
		return b.transaction(ctx, mailEnqueueOneSQL, recipient(i), b.subject, b.text[i%mailVariants], b.html[i%mailVariants])
	})
}

// enqueueEach commits one mail each interval, and gives the moments just before the commits.
func (b *mailBench) enqueueEach(ctx context.Context, interval time.Duration, n int, enqueue func(i int) (openTx, error)) ([]time.Time, error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	committed := make([]time.Time, n)
	for i := range n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		tx, err := enqueue(i)
		if err != nil {
			return nil, err
		}
		committed[i] = time.Now()
		if err := tx.Commit(ctx); err != nil {
			return nil, err
		}
	}
	return committed, nil
}
