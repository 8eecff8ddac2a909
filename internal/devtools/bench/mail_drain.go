package main

import (
	"context"
	"fmt"
)

const mailAim = 0.85 // share of the raw library

// benchMailDrain compares the queue with the bare library, at a sink that offers
// all that go-smtp can do, and at one that does not know CHUNKING.
func benchMailDrain(ctx context.Context, e *env) error {
	for _, o := range []sinkOptions{{}, {ChunkingOff: true}} {
		if err := drainAt(ctx, e, o); err != nil {
			return err
		}
	}
	return nil
}

func drainAt(ctx context.Context, e *env, o sinkOptions) error {
	b, err := newMailBench(ctx, e, o)
	if err != nil {
		return err
	}
	defer b.sink.stop()
	worker, err := b.work(ctx, mailConnections)
	if err != nil {
		return err
	}
	defer worker.stop()
	n := b.round()
	e.printf("\n%d mails a round with a code, text and HTML (%d bytes), %d connections to a go-smtp sink%s\n", n, len(b.mime[0]), mailConnections, o)
	medians, err := e.alternate(ctx,
		side{"go-simple-mail alone, no queue", b.raw(mailConnections, n)},
		side{"serve --run mail, codes (sealed)", b.drain(b.enqueueSealed, n)},
		side{"serve --run mail, a site's mails (mail_enqueue)", b.drain(b.enqueuePlain, n)},
	)
	if err != nil {
		return err
	}
	e.verdict.add(fmt.Sprintf("codes drained / go-simple-mail alone%s", o), medians[1]/medians[0], mailAim)
	e.verdict.add(fmt.Sprintf("a site's mails drained / go-simple-mail alone%s", o), medians[2]/medians[0], mailAim)
	return nil
}
