package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed faults_enqueue.sql
	faultsEnqueueSQL string
	//go:embed faults_hurry.sql
	faultsHurrySQL string
	//go:embed faults_rest.sql
	faultsRestSQL string
	//go:embed faults_states.sql
	faultsStatesSQL string
)

const (
	faultClients = 4
	faultDomains = 40
	// killBlame is how long after a mail arrived a kill can be the reason that its
	// result was not written: the linger, a statement, and a database that recovers.
	killBlame = 15 * time.Second
	// killLag is how long a mail may lie in the kernel's buffer before the relay reads it.
	killLag = time.Second
)

// books are what a phase has enqueued, by recipient: every mail has its own.
type books struct {
	mu         sync.Mutex
	committed  []string
	doubtful   []string // the commit was not answered
	rolledBack []string
}

func (b *books) note(list *[]string, recipients []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, recipients...)
}

// enqueueAll enqueues in transactions of one to five mails; some are rolled back.
func (c *campaign) enqueueAll(ctx context.Context, name string) (*books, error) {
	b := &books{}
	var next atomic.Int64
	pace := time.NewTicker(3 * c.length / time.Duration(c.mails)) // three mails at a time on average
	defer pace.Stop()
	_, err := parallel(ctx, faultClients, time.Hour, func(int) (bool, error) {
		<-pace.C // the mails are to last for the length of the trouble
		n := int(next.Add(5))
		if n > c.mails*5/3 {
			return false, nil
		}
		var recipients []string
		for i := range 1 + n/5%5 {
			kind := "mail"
			if (n+i)%10 == 0 {
				kind = "hold"
			}
			recipients = append(recipients, fmt.Sprintf("%s-%s%d@d%d.example", name, kind, n+i, (n+i)%faultDomains))
		}
		c.enqueueFew(ctx, b, recipients, n/5%10 == 9)
		return true, ctx.Err()
	})
	return b, err
}

// enqueueFew is one transaction of a site; a database that is away is no error here.
func (c *campaign) enqueueFew(ctx context.Context, b *books, recipients []string, rollBack bool) {
	tx, err := c.admin.Begin(ctx)
	if err != nil {
		return
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to take back
	for _, r := range recipients {
		policy := "retry"
		if strings.Contains(r, "-hold") {
			policy = "hold"
		}
		if _, err := tx.Exec(ctx, faultsEnqueueSQL, r, policy); err != nil {
			b.note(&b.rolledBack, recipients)
			return
		}
	}
	switch {
	case rollBack:
		b.note(&b.rolledBack, recipients)
	case tx.Commit(ctx) != nil:
		b.note(&b.doubtful, recipients)
	default:
		b.note(&b.committed, recipients)
	}
}

// rest waits until nothing is to be sent any more.
func (c *campaign) rest(ctx context.Context) error {
	err := until(ctx, 500*time.Millisecond, func() (rest bool, _ error) {
		_, err := c.admin.Exec(ctx, faultsHurrySQL)
		if err == nil {
			err = c.admin.QueryRow(ctx, faultsRestSQL).Scan(&rest)
		}
		return rest && err == nil, nil // with an error the database is coming back
	})
	if err != nil {
		return fmt.Errorf("the queue does not come to rest: %w", err)
	}
	return nil
}

// tally is the result of a phase.
type tally struct {
	enqueued, delivered, copies, answerLost, workerKilled, wrong, dead, unknown, lost, heldTwice, ghosts int

	took time.Duration
}

func (t *tally) add(o tally) {
	t.enqueued += o.enqueued
	t.delivered += o.delivered
	t.copies += o.copies
	t.answerLost += o.answerLost
	t.workerKilled += o.workerKilled
	t.wrong += o.wrong
	t.dead += o.dead
	t.unknown += o.unknown
	t.lost += o.lost
	t.heldTwice += o.heldTwice
	t.ghosts += o.ghosts
	t.took += o.took
}

func (t tally) print(e *env, name string) {
	e.printf("  %-22s %8d %9d %7d %11d %11d %11d %5d %7d %5d %8.0f\n",
		name, t.enqueued, t.delivered, t.copies, t.answerLost, t.workerKilled, t.wrong, t.dead, t.unknown, t.lost, t.took.Seconds())
}

// balance compares what was enqueued with what the relay took and what the queue says.
func (c *campaign) balance(ctx context.Context, name string, b *books) (tally, error) {
	states, err := c.states(ctx, name)
	if err != nil {
		return tally{}, err
	}
	taken := c.relay.report()
	var t tally
	for _, r := range b.rolledBack {
		t.ghosts += len(taken[r])
	}
	for _, r := range b.doubtful { // it went one way or the other, as the queue says
		if states[r] != "" {
			b.committed = append(b.committed, r)
		} else {
			t.ghosts += len(taken[r])
		}
	}
	for _, r := range b.committed {
		c.judge(&t, r, taken[r], states[r])
	}
	return t, nil
}

// judge notes the fate of one committed mail.
func (c *campaign) judge(t *tally, recipient string, takes []take, state string) {
	t.enqueued++
	switch state {
	case "dead":
		t.dead++
	case "unknown":
		t.unknown++
	}
	if len(takes) == 0 {
		if state != "dead" && state != "unknown" {
			t.lost++ // nobody has it, or the queue says sent and the relay does not know
		}
		return
	}
	t.delivered++
	for i := 1; i < len(takes); i++ {
		t.copies++
		if strings.Contains(recipient, "-hold") {
			t.heldTwice++
		}
		switch {
		case takes[i-1].lost:
			t.answerLost++
		case c.blamed(takes[i-1].at):
			t.workerKilled++
		default:
			t.wrong++
		}
	}
}

// blamed says whether something was killed while the result of a mail that was
// taken then may not have been written.
func (c *campaign) blamed(at time.Time) bool {
	for _, k := range c.killed {
		if since := k.Sub(at); -killLag < since && since < killBlame {
			return true
		}
	}
	return false
}

func (c *campaign) states(ctx context.Context, name string) (map[string]string, error) {
	rows, err := c.admin.Query(ctx, faultsStatesSQL, name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var recipient, state string
	_, err = pgx.ForEachRow(rows, []any{&recipient, &state}, func() error {
		out[recipient] = state
		return nil
	})
	return out, err
}
