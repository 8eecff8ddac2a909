package main

import (
	"context"
	"time"
)

const (
	distantConnections   = 32
	networkLatency       = 20 * time.Millisecond
	networkLatencyTarget = 0.9
)

// benchMailNetworkLatency drains to a server that is a round trip of 20 ms away.
func benchMailNetworkLatency(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{RoundTrip: networkLatency})
	if err != nil {
		return err
	}
	if _, err := b.startWorker(ctx, distantConnections); err != nil {
		return err
	}
	n := b.round()
	e.printf("\n%d mails a round, %d connections to a sink %s away\n", n, distantConnections, networkLatency)
	medians, err := e.alternate(ctx,
		side{"go-simple-mail alone, no queue", b.library(distantConnections, n/10)},
		side{"serve --run mail, from the queue", b.drain(b.enqueueSealed, n)},
	)
	if err != nil {
		return err
	}
	e.report.Share("drained / go-simple-mail alone, 32 connections, 20 ms away", medians[1]/medians[0], networkLatencyTarget)
	return nil
}
