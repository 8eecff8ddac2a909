package main

import (
	"context"
	"time"
)

const (
	farConnections = 32
	farAway        = 20 * time.Millisecond
	farAim         = 0.9
)

// benchMailFar does the same with a server that is a round trip of 20 ms away.
func benchMailFar(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{Away: farAway})
	if err != nil {
		return err
	}
	if _, err := b.work(ctx, farConnections); err != nil {
		return err
	}
	n := b.round()
	e.printf("\n%d mails a round, %d connections to a sink %s away\n", n, farConnections, farAway)
	medians, err := e.alternate(ctx,
		side{"go-simple-mail alone, no queue", b.raw(farConnections, n/10)},
		side{"serve --run mail, from the queue", b.drain(b.enqueueSealed, n)},
	)
	if err != nil {
		return err
	}
	e.verdict.add("drained / go-simple-mail alone, 32 connections, 20 ms away", medians[1]/medians[0], farAim)
	return nil
}
