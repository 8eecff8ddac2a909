package main

import (
	"context"
	"time"
)

const (
	slowServerDelay = 5 * time.Millisecond // for each mail, on each connection
	workersTarget   = 1.5
)

// benchMailWorkers drains with one worker and with two, where the server is slow.
func benchMailWorkers(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{Delay: slowServerDelay})
	if err != nil {
		return err
	}
	n := b.round() / 4
	e.printf("\n%d mails a round, %d connections a worker, a server that takes %s for a mail\n", n, mailConnections, slowServerDelay)
	medians, err := e.alternate(ctx, side{"one worker", b.workers(1, n)}, side{"two workers", b.workers(2, n)})
	if err != nil {
		return err
	}
	e.report.Share("two workers / one, slow server", medians[1]/medians[0], workersTarget)
	return nil
}

func (b *mailBench) workers(count, n int) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		for range count {
			w, err := b.startWorker(ctx, mailConnections)
			if err != nil {
				return sample{}, err
			}
			defer w.Stop()
		}
		return b.drain(b.enqueueSealed, n)(ctx)
	}
}
