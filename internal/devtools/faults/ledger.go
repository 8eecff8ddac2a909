package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/devtools/poll"
)

var (
	//go:embed enqueue.sql
	enqueueSQL string
	//go:embed skip_backoff.sql
	skipBackoffSQL string
	//go:embed idle.sql
	idleSQL string
)

const (
	enqueueClients   = 4
	recipientDomains = 40
)

// ledger is what a phase has enqueued, by recipient: every mail has its own.
type ledger struct {
	mu         sync.Mutex
	committed  []string
	inDoubt    []string // the commit was not answered
	rolledBack []string
}

func (l *ledger) add(list *[]string, recipients []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, recipients...)
}

// enqueueAll enqueues in transactions of one to five mails; some are rolled back.
func (c *campaign) enqueueAll(ctx context.Context, name string) *ledger {
	l := &ledger{}
	var next atomic.Int64
	pace := time.NewTicker(3 * c.length / time.Duration(c.mails)) // three mails at a time on average
	defer pace.Stop()
	var clients sync.WaitGroup
	for range enqueueClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				<-pace.C // the mails are to last for the length of the fault
				n := int(next.Add(5))
				if n > c.mails*5/3 {
					return
				}
				c.enqueue(ctx, l, recipients(name, n), n/5%10 == 9)
			}
		})
	}
	clients.Wait()
	return l
}

// recipients are those of a phase's nth transaction, one in ten on_unknown = hold.
func recipients(phase string, n int) (list []string) {
	for i := range 1 + n/5%5 {
		policy := "mail"
		if (n+i)%10 == 0 {
			policy = "hold"
		}
		list = append(list, fmt.Sprintf("%s-%s%d@d%d.example", phase, policy, n+i, (n+i)%recipientDomains))
	}
	return list
}

// enqueue is one transaction of a site; a database that is down is no error here.
func (c *campaign) enqueue(ctx context.Context, l *ledger, recipients []string, rollBack bool) {
	tx, err := c.Admin.Begin(ctx)
	if err != nil {
		return
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to roll back
	for _, r := range recipients {
		policy := "retry"
		if strings.Contains(r, "-hold") {
			policy = "hold"
		}
		if _, err := tx.Exec(ctx, enqueueSQL, r, policy); err != nil {
			l.add(&l.rolledBack, recipients)
			return
		}
	}
	switch {
	case rollBack:
		l.add(&l.rolledBack, recipients)
	case tx.Commit(ctx) != nil:
		l.add(&l.inDoubt, recipients)
	default:
		l.add(&l.committed, recipients)
	}
}

// waitIdle waits until nothing is left to send.
func (c *campaign) waitIdle(ctx context.Context) error {
	err := poll.Until(ctx, 500*time.Millisecond, func() (idle bool, _ error) {
		_, err := c.Admin.Exec(ctx, skipBackoffSQL)
		if err == nil {
			err = c.Admin.QueryRow(ctx, idleSQL).Scan(&idle)
		}
		return idle && err == nil, nil // with an error the database is recovering
	})
	if err != nil {
		return fmt.Errorf("the queue does not become idle: %w", err)
	}
	return nil
}
