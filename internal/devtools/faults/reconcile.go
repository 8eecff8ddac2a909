package main

import (
	"context"
	_ "embed"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/smtptest"
)

//go:embed states.sql
var statesSQL string

const (
	// killWindow is how long after a mail arrived a kill can be the reason that its
	// result was not written: the linger, a statement, and a database that recovers.
	killWindow = 15 * time.Second
	// kernelDelay is how long a mail may lie in the kernel's buffer before the server reads it.
	kernelDelay = time.Second
)

// tally is the result of a phase.
type tally struct {
	enqueued, delivered, copies, answerLost, workerKilled, wrong, dead, unknown, lost, heldCopies, rolledBackSent int

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
	t.heldCopies += o.heldCopies
	t.rolledBackSent += o.rolledBackSent
	t.took += o.took
}

func (t tally) print(c *campaign, name string) {
	c.Printf("  %-22s %8d %9d %7d %11d %11d %11d %5d %7d %5d %8.0f\n",
		name, t.enqueued, t.delivered, t.copies, t.answerLost, t.workerKilled, t.wrong, t.dead, t.unknown, t.lost, t.took.Seconds())
}

// reconcile compares what was enqueued with what the mail server received and with
// the states of the queue.
func (c *campaign) reconcile(ctx context.Context, name string, l *ledger) (tally, error) {
	states, err := mailStates(ctx, c.Admin, name)
	if err != nil {
		return tally{}, err
	}
	received := c.server.byRecipient()
	var t tally
	for _, r := range l.rolledBack {
		t.rolledBackSent += len(received[r])
	}
	for _, r := range l.inDoubt { // committed or rolled back, as the queue says
		if states[r] != "" {
			l.committed = append(l.committed, r)
		} else {
			t.rolledBackSent += len(received[r])
		}
	}
	for _, r := range l.committed {
		c.count(&t, r, received[r], states[r])
	}
	return t, nil
}

// count counts one committed mail.
func (c *campaign) count(t *tally, recipient string, received []smtptest.Received, state string) {
	t.enqueued++
	switch state {
	case "dead":
		t.dead++
	case "unknown":
		t.unknown++
	}
	if len(received) == 0 {
		if state != "dead" && state != "unknown" {
			t.lost++ // not in the queue and not received
		}
		return
	}
	t.delivered++
	for i := 1; i < len(received); i++ {
		t.copies++
		if strings.Contains(recipient, "-hold") {
			t.heldCopies++
		}
		switch {
		case !received[i-1].Answered:
			t.answerLost++
		case killedAfter(c.killed, received[i-1].At):
			t.workerKilled++
		default:
			t.wrong++
		}
	}
}

// killedAfter reports whether something was killed while the result of a mail that
// was received then may not have been written.
func killedAfter(killed []time.Time, at time.Time) bool {
	for _, k := range killed {
		if since := k.Sub(at); -kernelDelay < since && since < killWindow {
			return true
		}
	}
	return false
}

func mailStates(ctx context.Context, db *pgxpool.Pool, phase string) (map[string]string, error) {
	rows, err := db.Query(ctx, statesSQL, phase)
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
