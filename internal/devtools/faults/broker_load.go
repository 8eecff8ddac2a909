package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

//go:embed broker_enqueue.sql
var brokerEnqueueSQL string

const (
	loadEvery   = 10 * time.Millisecond // a mail
	loadClients = 2

	// A client commits late, when rows that were made after its own have been announced.
	lateClient  = 1 << 20 // its first number
	lateAtLeast = 500 * time.Millisecond
	lateAtMost  = 3 * time.Second
)

// load is what a case has enqueued: when each commit was answered, by recipient.
type load struct {
	mu        sync.Mutex
	committed map[string]time.Time
	inDoubt   map[string]time.Time // the commit was not answered: when it was asked for
}

// enqueue enqueues one mail after the other until ctx ends. A database that is down is no error.
func (c *brokers) enqueue(ctx context.Context, name string) *load {
	l := &load{committed: map[string]time.Time{}, inDoubt: map[string]time.Time{}}
	var clients sync.WaitGroup
	for client := range loadClients {
		clients.Go(func() {
			pace := time.NewTicker(loadClients * loadEvery)
			defer pace.Stop()
			for n := client; ; n += loadClients {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
				}
				c.enqueueOne(context.WithoutCancel(ctx), l, name, n, 0)
			}
		})
	}
	clients.Go(func() {
		for n := lateClient; ctx.Err() == nil; n++ {
			c.enqueueOne(context.WithoutCancel(ctx), l, name, n, lateAtLeast+rand.N(lateAtMost-lateAtLeast)) //nolint:gosec // a duration
		}
	})
	clients.Wait()
	return l
}

// priorities are those of ten mails in turn: two of the urgent lane, five of the normal one.
const priorities = "0595394596"

// enqueueOne enqueues a mail in a transaction that stays open for a while.
func (c *brokers) enqueueOne(ctx context.Context, l *load, name string, n int, open time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	priority, policy := int(priorities[n%10]-'0'), "retry"
	lane := "other"
	if priority <= 3 {
		lane = "urgent"
	}
	if n%10 == 9 {
		policy = "hold"
	}
	recipient := fmt.Sprintf("%s-%s-%s%d@d%d.example", name, lane, policy, n, n%recipientDomains)
	tx, err := c.Admin.Begin(ctx)
	if err != nil {
		return
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to roll back
	if _, err := tx.Exec(ctx, brokerEnqueueSQL, recipient, priority, policy); err != nil {
		return
	}
	time.Sleep(open)
	asked := time.Now()
	err = tx.Commit(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.inDoubt[recipient] = asked
	} else {
		l.committed[recipient] = time.Now()
	}
}
