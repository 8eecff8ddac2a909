package main

import (
	"context"
	"fmt"
)

const mailTarget = 0.85 // share of the raw library

// benchMailDrain compares the queue with the library alone, with a sink that offers
// all extensions of go-smtp, and with one that does not offer CHUNKING.
func benchMailDrain(ctx context.Context, e *env) error {
	for _, o := range []sinkOptions{{}, {WithoutChunking: true}} {
		if err := drainTo(ctx, e, o); err != nil {
			return err
		}
	}
	return nil
}

func drainTo(ctx context.Context, e *env, o sinkOptions) error {
	b, err := newMailBench(ctx, e, o)
	if err != nil {
		return err
	}
	defer b.sink.stop()
	worker, err := b.startWorker(ctx, mailConnections)
	if err != nil {
		return err
	}
	defer worker.Stop()
	n := b.round()
	e.printf("\n%d mails a round with a code, text and HTML (%d bytes), %d connections to a go-smtp sink%s\n", n, len(b.mime[0]), mailConnections, o)
	medians, err := e.alternate(ctx,
		side{"go-simple-mail alone, no queue", b.library(mailConnections, n)},
		side{"serve --run mail, codes (sealed)", b.drain(b.enqueueSealed, n)},
		side{"serve --run mail, a site's mails (mail_enqueue)", b.drain(b.enqueuePlain, n)},
	)
	if err != nil {
		return err
	}
	e.report.Share(fmt.Sprintf("codes drained / go-simple-mail alone%s", o), medians[1]/medians[0], mailTarget)
	e.report.Share(fmt.Sprintf("a site's mails drained / go-simple-mail alone%s", o), medians[2]/medians[0], mailTarget)
	return nil
}
