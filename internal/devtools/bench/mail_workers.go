package main

import (
	"context"
	"time"
)

const (
	slowServer = 5 * time.Millisecond // for each mail, on each connection
	workersAim = 1.5
)

// benchMailWorkers drains with one worker and with two, where the server is slow.
func benchMailWorkers(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{Slow: slowServer})
	if err != nil {
		return err
	}
	n := b.round() / 4
	e.printf("\n%d mails a round, %d connections a worker, a server that takes %s for a mail\n", n, mailConnections, slowServer)
	medians, err := e.alternate(ctx, side{"one worker", b.workers(1, n)}, side{"two workers", b.workers(2, n)})
	if err != nil {
		return err
	}
	e.verdict.add("two workers / one, slow server", medians[1]/medians[0], workersAim)
	return nil
}

func (b *mailBench) workers(count, n int) func(context.Context) (spell, error) {
	return func(ctx context.Context) (spell, error) {
		for range count {
			w, err := b.work(ctx, mailConnections)
			if err != nil {
				return spell{}, err
			}
			defer w.stop()
		}
		return b.drain(b.enqueueSealed, n)(ctx)
	}
}
