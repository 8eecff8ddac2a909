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
	latencies, err := b.singles(ctx, n)
	if err != nil {
		return err
	}
	e.printf("\nOne mail each %s, %d mails: commit to the sink's 250 p50 %.1f, p90 %.1f, p99 %.1f, longest %.1f ms\n",
		singleInterval, n, latencies.at(0.5), latencies.at(0.9), latencies.at(0.99), latencies.at(1))
	e.report.AtMost("one mail each 10 ms, commit to the sink's 250, p50", latencies.at(0.5), 5, "ms")
	e.report.AtMost("one mail each 10 ms, commit to the sink's 250, p99", latencies.at(0.99), 25, "ms")
	return nil
}

// durations are sorted.
type durations []time.Duration

// at gives a quantile in milliseconds.
func (d durations) at(share float64) float64 {
	return d[int(share*float64(len(d)-1))].Seconds() * 1000
}

// singles sends n mails, one each 10 ms; the sink logs.
func (b *mailBench) singles(ctx context.Context, n int) (durations, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	received := make(chan error, 1)
	arrived := make(map[string]time.Time, n)
	go func() { received <- b.sink.received(n, arrived) }()
	committed, err := b.enqueueSingles(ctx, n)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-received:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for the last mail: %w", ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	latencies := make(durations, n)
	for i := range latencies {
		latencies[i] = arrived[recipient(i)].Sub(committed[i])
	}
	slices.Sort(latencies)
	return latencies, nil
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
