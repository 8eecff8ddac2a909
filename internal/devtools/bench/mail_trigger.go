package main

import (
	"context"
	_ "embed"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed mail_notify.sql
var mailNotifySQL string

const (
	enqueueClients = 32
	triggerTarget  = 0.85
)

//go:embed mail_trigger_on.sql
var mailTriggerOnSQL string

//go:embed mail_trigger_off.sql
var mailTriggerOffSQL string

// benchMailTrigger measures what the doorbell's trigger costs a site: 32 clients
// enqueue one mail per transaction while a worker drains.
func benchMailTrigger(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	if _, err := b.startWorker(ctx, mailConnections); err != nil {
		return err
	}
	e.printf("\nmail_enqueue, one mail per transaction, %d clients, a worker draining\n", enqueueClients)
	medians, err := e.alternate(ctx,
		side{"trigger disabled", b.enqueueOneByOne(mailTriggerOffSQL)},
		side{"trigger enabled", b.enqueueOneByOne(mailTriggerOnSQL)},
	)
	if err != nil {
		return err
	}
	e.report.Share("mail_enqueue with the trigger / with it disabled, 32 clients", medians[1]/medians[0], triggerTarget)
	return nil
}

func (b *mailBench) enqueueOneByOne(trigger string) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		if _, err := b.Admin.Exec(ctx, trigger); err != nil {
			return sample{}, err
		}
		site, err := b.Pool(ctx, enqueueClients)
		if err != nil {
			return sample{}, err
		}
		defer site.Close()
		stop, err := b.keepNotifying(ctx)
		if err != nil {
			return sample{}, err
		}
		defer stop()
		var next atomic.Int64
		s, err := b.sample(func() (float64, error) {
			return parallel(ctx, enqueueClients, b.length, func(int) (bool, error) {
				i := int(next.Add(1))
				_, err := site.Exec(ctx, mailEnqueueOneSQL, recipient(i), b.subject, b.text[i%mailVariants], b.html[i%mailVariants])
				return true, err
			})
		})
		if err != nil {
			return s, err
		}
		if _, err := b.Admin.Exec(ctx, mailTriggerOnSQL); err != nil { // what is left is drained in either case
			return s, err
		}
		return s, b.waitDrained(ctx, 0)
	}
}

// keepNotifying keeps the worker draining on either side, the trigger or not.
func (b *mailBench) keepNotifying(ctx context.Context) (stop func(), err error) {
	conn, err := b.Admin.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer conn.Release()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, _ = conn.Exec(ctx, mailNotifySQL) // ends with the round
			}
		}
	})
	return func() { cancel(); wg.Wait() }, nil
}
