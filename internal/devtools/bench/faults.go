package main

import (
	"context"
	"fmt"
	"time"
)

// About so many mails are enqueued in each phase of the campaign, over so long.
const (
	faultMails  = 24_000
	faultLength = 20 * time.Second
)

// campaign puts the queue through what goes wrong in the world, with real worker
// processes, and keeps the books: every mail of a committed transaction must have
// arrived or be in a state that a person can see, and a second copy is right only
// where the answer to the first was lost.
type campaign struct {
	*mailBench
	relay   *faultyRelay
	workers []*service
	killed  []time.Time // when a worker, or the database under it, was killed
	mails   int
	length  time.Duration
}

// phase is one kind of trouble; trouble ends when the enqueuing does.
type phase struct {
	name    string
	relay   faults
	trouble func(ctx context.Context, c *campaign) error
}

// benchFaults is the campaign as a whole.
func benchFaults(ctx context.Context, e *env) error {
	mails, length := faultMails, faultLength
	if e.quick {
		mails, length = mails/20, length/8
	}
	phases := []phase{
		{name: "SMTP server", relay: faults{Rate: 0.02, CloseAfter: 50}},
		{name: "the same, no CHUNKING", relay: faults{Rate: 0.02, CloseAfter: 50, ChunkingOff: true}},
		{name: "kill -9 of workers", trouble: killWorkers},
		{name: "PostgreSQL crashes", trouble: crashDatabase},
		{name: "PostgreSQL restarts", trouble: restartDatabase},
		{name: "all at once", relay: faults{Rate: 0.01, CloseAfter: 50}, trouble: killAndCrash},
		{name: "the same, no CHUNKING", relay: faults{Rate: 0.01, CloseAfter: 50, ChunkingOff: true}, trouble: killAndCrash},
	}
	if e.previous != "" {
		phases = append(phases, phase{name: "two versions", relay: faults{Rate: 0.01}, trouble: swapVersions})
	}
	return runCampaign(ctx, e, mails, length, phases)
}

func runCampaign(ctx context.Context, e *env, mails int, length time.Duration, phases []phase) error {
	c := &campaign{mailBench: &mailBench{env: e}, mails: mails, length: length}
	var err error
	if c.relay, err = newFaultyRelay(ctx); err != nil {
		return err
	}
	defer c.relay.close()
	for range 2 {
		if err := c.hire(ctx, e.binary); err != nil {
			return err
		}
	}
	e.printf("\nFaults: two workers, about %d mails in %s a phase, one in ten transactions rolled back, one mail in ten on_unknown = hold\n", mails, length)
	e.printf("  %-22s %8s %9s %7s %11s %11s %11s %5s %7s %5s %8s\n", "", "", "", "second", "its answer", "its worker", "neither", "", "", "", "")
	e.printf("  %-22s %8s %9s %7s %11s %11s %11s %5s %7s %5s %8s\n",
		"phase", "enqueued", "delivered", "copies", "lost", "killed", "(wrong)", "dead", "unknown", "LOST", "seconds")
	var sum tally
	for i, p := range phases {
		t, err := c.phase(ctx, fmt.Sprintf("p%d", i), p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		t.print(e, p.name)
		sum.add(t)
	}
	sum.print(e, "sum")
	e.verdict.tell("mails enqueued under faults", float64(sum.enqueued), "")
	e.verdict.exactly("of these, lost", sum.lost)
	e.verdict.exactly("second copies although the first one's answer arrived", sum.wrong)
	e.verdict.exactly("second copies of mails with on_unknown = hold", sum.heldTwice)
	e.verdict.exactly("mails of rolled-back transactions that were sent", sum.ghosts)
	return nil
}

// phase enqueues while trouble goes on, then waits for the queue to come to rest.
func (c *campaign) phase(ctx context.Context, name string, p phase) (tally, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	start := time.Now()
	c.relay.set(p.relay)
	c.killed = nil
	over := make(chan error, 1)
	troubled, calm := context.WithCancel(ctx)
	defer calm()
	go func() {
		var err error
		if p.trouble != nil {
			err = p.trouble(troubled, c)
		}
		over <- err
	}()
	books, err := c.enqueueAll(ctx, name)
	calm()
	if troubleErr := <-over; err == nil {
		err = troubleErr
	}
	if err != nil {
		return tally{}, err
	}
	if err := c.rest(ctx); err != nil {
		return tally{}, err
	}
	t, err := c.balance(ctx, name, books)
	t.took = time.Since(start)
	return t, err
}

// hire starts one more worker from a binary.
func (c *campaign) hire(ctx context.Context, binary string) error {
	was := c.binary
	c.binary = binary
	defer func() { c.binary = was }()
	w, err := c.spawn(ctx, "mail", "SESPAN_SMTP_URL=smtp://"+c.relay.addr+"?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", mailConnections))
	c.workers = append(c.workers, w)
	return err
}
