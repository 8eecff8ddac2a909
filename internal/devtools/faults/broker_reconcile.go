package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"sespan/internal/devtools/smtptest"
)

//go:embed broker_marked.sql
var brokerMarkedSQL string

// How often a mail may be announced on average, in every fault and in the calm.
const (
	mostAnnounced       = 1.5
	mostAnnouncedInCalm = 1.05
)

// brokerTally is the result of a case.
type brokerTally struct {
	enqueued, sent, copies, wrong, heldCopies, unknown, lost, marks int

	urgent, others time.Duration // longest from the commit's answer to the mail server's
	took           time.Duration
	says           []string // what else is not as it should be
}

func (t brokerTally) announced() float64 { return float64(t.marks) / float64(max(t.enqueued, 1)) }

// judge names the bounds that were passed.
func (t brokerTally) judge(c brokerCase) (passed []string) {
	passed = append(passed, t.says...)
	announced := mostAnnounced
	if c.urgent == calmBound {
		announced = mostAnnouncedInCalm
	}
	for what, is := range map[string]bool{
		"lost": t.lost > 0, "copies that nothing explains": t.wrong > 0, "copies of mails that are held": t.heldCopies > 0,
		"nothing was enqueued":     t.enqueued == 0,
		"announcements of a mail":  t.announced() > announced,
		"delay of urgent mails":    c.urgent > 0 && t.urgent > c.urgent+slack,
		"delay of the other mails": c.others > 0 && t.others > c.others+slack,
	} {
		if is {
			passed = append(passed, what)
		}
	}
	slices.Sort(passed)
	return passed
}

// marks counts the announcements so far.
func (c *brokers) marks(ctx context.Context) (marks int, err error) {
	err = c.Admin.QueryRow(ctx, brokerMarkedSQL).Scan(&marks)
	return marks, err
}

// reconcile compares what was committed with what the mail server has.
func (r *brokerRun) reconcile(ctx context.Context, l *load) (t brokerTally, err error) {
	states, err := mailStates(ctx, r.Admin, r.name)
	if err != nil {
		return t, err
	}
	for recipient, asked := range l.inDoubt {
		if states[recipient] != "" {
			l.committed[recipient] = asked
		}
	}
	received := map[string][]smtptest.Received{}
	for _, m := range r.server.Received() {
		if strings.HasPrefix(m.To, r.name+"-") {
			received[m.To] = append(received[m.To], m)
		}
	}
	for recipient, at := range l.committed {
		r.count(&t, recipient, at, received[recipient], states[recipient])
	}
	return t, nil
}

// count counts one committed mail.
func (r *brokerRun) count(t *brokerTally, recipient string, at time.Time, received []smtptest.Received, state string) {
	t.enqueued++
	if state == "unknown" {
		t.unknown++
	}
	if len(received) == 0 {
		if state != "unknown" {
			t.lost++
		}
		return
	}
	t.sent++
	longest := &t.others
	if strings.Contains(recipient, "-urgent-") {
		longest = &t.urgent
	}
	*longest = max(*longest, received[0].At.Sub(at))
	for i := 1; i < len(received); i++ {
		t.copies++
		if strings.Contains(recipient, "-hold") {
			t.heldCopies++
		}
		if received[i-1].Answered && !killedAfter(r.killed, received[i-1].At) {
			t.wrong++
			r.Printf("  %s came at %s and at %s\n", recipient, received[i-1].At.Format(time.StampMilli), received[i].At.Format(time.StampMilli))
		}
	}
}

// strayed looks for the messages of the case at the dead letters.
func (r *brokerRun) strayed(ctx context.Context, want int) {
	is, err := r.broker.dead(ctx)
	if err != nil || is != want {
		r.says = append(r.says, fmt.Sprintf("%d dead letters of %d (%v)", is, want, err))
	}
}
