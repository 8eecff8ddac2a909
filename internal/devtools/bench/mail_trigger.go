package main

import (
	"context"
	_ "embed"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed mail_bell.sql
var mailBellSQL string

const (
	enqueueClients = 32
	triggerAim     = 0.85
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
	if _, err := b.work(ctx, mailConnections); err != nil {
		return err
	}
	e.printf("\nmail_enqueue, one mail per transaction, %d clients, a worker draining\n", enqueueClients)
	medians, err := e.alternate(ctx,
		side{"trigger disabled", b.enqueueOnes(mailTriggerOffSQL)},
		side{"trigger enabled", b.enqueueOnes(mailTriggerOnSQL)},
	)
	if err != nil {
		return err
	}
	e.verdict.add("mail_enqueue with the trigger / with it disabled, 32 clients", medians[1]/medians[0], triggerAim)
	return nil
}

func (b *mailBench) enqueueOnes(trigger string) func(context.Context) (spell, error) {
	return func(ctx context.Context) (spell, error) {
		if _, err := b.admin.Exec(ctx, trigger); err != nil {
			return spell{}, err
		}
		site, err := b.pool(ctx, enqueueClients)
		if err != nil {
			return spell{}, err
		}
		defer site.Close()
		stop, err := b.ringing(ctx)
		if err != nil {
			return spell{}, err
		}
		defer stop()
		var next atomic.Int64
		s, err := b.spell(func() (float64, error) {
			return parallel(ctx, enqueueClients, b.length, func(int) (bool, error) {
				i := int(next.Add(1))
				_, err := site.Exec(ctx, mailOneSQL, recipient(i), b.subject, b.text[i%mailKinds], b.html[i%mailKinds])
				return true, err
			})
		})
		if err != nil {
			return s, err
		}
		if _, err := b.admin.Exec(ctx, mailTriggerOnSQL); err != nil { // what is left is drained in either case
			return s, err
		}
		return s, b.empty(ctx, 0)
	}
}

// ringing keeps the worker draining on either side, the trigger or not.
func (b *mailBench) ringing(ctx context.Context) (stop func(), err error) {
	conn, err := b.admin.Acquire(ctx)
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
				_, _ = conn.Exec(ctx, mailBellSQL) // ends with the round
			}
		}
	})
	return func() { cancel(); wg.Wait() }, nil
}
