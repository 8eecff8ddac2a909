package main

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

// About so many mails are enqueued in each phase of the campaign, over so long.
const (
	phaseMails  = 24_000
	phaseLength = 20 * time.Second
)

const smtpConnections = 4 // of a worker

// campaign runs the phases.
type campaign struct {
	*testbed.Env

	report   *target.Report
	server   *mailServer
	workers  []*testbed.Service
	killed   []time.Time // when a worker, or the database under it, was killed
	mails    int
	length   time.Duration
	previous string // sespan of the previous version, "" for none
}

// phase is one kind of fault; it ends when the enqueuing does.
type phase struct {
	name     string
	failures failures // of the mail server
	fault    func(ctx context.Context, c *campaign) error
}

func phases(previous bool) []phase {
	list := []phase{
		{name: "SMTP server", failures: failures{Rate: 0.02, CloseAfter: 50}},
		{name: "the same, no CHUNKING", failures: failures{Rate: 0.02, CloseAfter: 50, WithoutChunking: true}},
		{name: "kill -9 of workers", fault: killWorkers},
		{name: "PostgreSQL crashes", fault: crashDatabase},
		{name: "PostgreSQL restarts", fault: restartDatabase},
		{name: "all at once", failures: failures{Rate: 0.01, CloseAfter: 50}, fault: killAndCrash},
		{name: "the same, no CHUNKING", failures: failures{Rate: 0.01, CloseAfter: 50, WithoutChunking: true}, fault: killAndCrash},
	}
	if previous {
		list = append(list, phase{name: "two versions", failures: failures{Rate: 0.01}, fault: alternateVersions})
	}
	return list
}

func (c *campaign) run(ctx context.Context, phases []phase) error {
	var err error
	if c.server, err = newMailServer(ctx); err != nil {
		return err
	}
	defer c.server.Close()
	for range 2 {
		if err := c.startWorker(ctx, c.Binary); err != nil {
			return err
		}
	}
	c.Printf("\nFaults: two workers, about %d mails in %s a phase, one in ten transactions rolled back, one mail in ten on_unknown = hold\n", c.mails, c.length)
	c.Printf("  %-22s %8s %9s %7s %11s %11s %11s %5s %7s %5s %8s\n", "", "", "", "second", "its answer", "its worker", "neither", "", "", "", "")
	c.Printf("  %-22s %8s %9s %7s %11s %11s %11s %5s %7s %5s %8s\n",
		"phase", "enqueued", "delivered", "copies", "lost", "killed", "(wrong)", "dead", "unknown", "LOST", "seconds")
	var sum tally
	for i, p := range phases {
		t, err := c.phase(ctx, fmt.Sprintf("p%d", i), p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		t.print(c, p.name)
		sum.add(t)
	}
	sum.print(c, "sum")
	c.report.Info("mails enqueued under faults", float64(sum.enqueued), "")
	c.report.Zero("of these, lost", sum.lost)
	c.report.Zero("second copies although the first one's answer arrived", sum.wrong)
	c.report.Zero("second copies of mails with on_unknown = hold", sum.heldCopies)
	c.report.Zero("mails of rolled-back transactions that were sent", sum.rolledBackSent)
	return nil
}

// phase enqueues while the fault goes on, then waits until the queue is idle.
func (c *campaign) phase(ctx context.Context, name string, p phase) (tally, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	start := time.Now()
	c.server.set(p.failures)
	c.killed = nil
	ended := make(chan error, 1)
	faulty, endFault := context.WithCancel(ctx)
	defer endFault()
	go func() {
		var err error
		if p.fault != nil {
			err = p.fault(faulty, c)
		}
		ended <- err
	}()
	l := c.enqueueAll(ctx, name)
	endFault()
	if err := <-ended; err != nil {
		return tally{}, err
	}
	if err := c.waitIdle(ctx); err != nil {
		return tally{}, err
	}
	t, err := c.reconcile(ctx, name, l)
	t.took = time.Since(start)
	return t, err
}

// startWorker starts one more worker from a binary.
func (c *campaign) startWorker(ctx context.Context, binary string) error {
	w, err := c.ServeBinary(ctx, binary, "mail", "SESPAN_SMTP_URL=smtp://"+c.server.Address+"?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", smtpConnections))
	c.workers = append(c.workers, w)
	return err
}
