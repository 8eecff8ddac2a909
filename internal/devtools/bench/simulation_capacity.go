package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

//go:embed simulation_behind.sql
var simulationBehindSQL string

//go:embed simulation_fill.sql
var simulationFillSQL string

// shape is what is simulated: workers, the connections of each, the relay's latency, and
// how many mails wait at the beginning.
type shape struct {
	workers, connections int
	latency              time.Duration
	queue                int
}

func (s shape) String() string {
	return fmt.Sprintf("%d x %d @ %s, %d wait", s.workers, s.connections, s.latency, s.queue)
}

// parseShapes reads 4x250@50ms/100000, with commas between.
func parseShapes(text string) (list []shape, err error) {
	for one := range strings.SplitSeq(text, ",") {
		var s shape
		var latency string
		if _, err := fmt.Sscanf(strings.NewReplacer("@", " ", "/", " ", "x", " ").Replace(one), "%d %d %s %d", &s.workers, &s.connections, &latency, &s.queue); err != nil {
			return nil, fmt.Errorf("-shapes: %q is not of the form 4x250@50ms/100000: %w", one, err)
		}
		if s.latency, err = time.ParseDuration(latency); err != nil {
			return nil, fmt.Errorf("-shapes: %w", err)
		}
		if s.workers < 1 || s.workers > 12 || s.connections < 1 || s.queue < 1 {
			return nil, fmt.Errorf("-shapes: %q: 1 to 12 workers, a connection and a mail at least", one)
		}
		list = append(list, s)
	}
	return list, nil
}

const (
	capacityLatency = 50 * time.Millisecond
	capacityQueue   = 100_000
	capacityLong    = 1_000_000
)

// benchSimulationCapacity lets workers with a virtual relay send a long queue at their full
// speed: how much PostgreSQL and the mechanism carry where no mail server holds them up.
func benchSimulationCapacity(ctx context.Context, e *env) error {
	if err := e.brokers.start(ctx, e.options.Dir); err != nil {
		return err
	}
	b, err := newMails(e)
	if err != nil {
		return err
	}
	if err := b.countWork(ctx); err != nil {
		return err
	}
	e.printf("\nWorkers x connections @ latency of a virtual relay; the load's CPU is that of all workers and announcers together\n")
	e.printf("  %-30s %-34s %8s %10s %12s   CPU ms a mail of %8s %9s %8s\n", "", "", "mails/s", "statements", "bytes of WAL", "load", "database", "broker")
	ways := b.dispatches()
	for i, d := range ways {
		shapes := []shape{{1, 1000, capacityLatency, capacityQueue}, {4, 250, capacityLatency, capacityQueue}, {8, 125, capacityLatency, capacityQueue}, {4, 250, capacityLatency, capacityLong}}
		if i > 1 {
			shapes = shapes[1:2]
		}
		if e.quick {
			shapes = []shape{{2, 50, capacityLatency, 30_000}}
		}
		if len(e.shapes) > 0 {
			shapes = e.shapes
		}
		for _, s := range shapes {
			if err := b.capacity(ctx, d, s); err != nil {
				return fmt.Errorf("%s, %s: %w", d.name, s, err)
			}
		}
	}
	return nil
}

// capacity measures one shape, in the middle of its queue.
func (b *mailBench) capacity(ctx context.Context, d dispatch, sh shape) error {
	if _, err := b.Admin.Exec(ctx, mailClearSQL); err != nil {
		return err
	}
	whole := min(sh.queue, capacityQueue) // the others are not reached
	if _, err := b.Admin.Exec(ctx, simulationFillSQL, whole, b.subject, b.text, b.html); err != nil {
		return err
	}
	if _, err := b.Admin.Exec(ctx, simulationBehindSQL, sh.queue-whole); err != nil {
		return err
	}
	s, err := b.simulate(ctx, d, sh.workers, sh.connections, sh.latency)
	if err != nil {
		return err
	}
	defer s.stop(ctx)
	const patience = time.Minute
	warm := int64(whole) / 5
	if err := s.until(warm, patience); err != nil {
		return err
	}
	if err := b.forgetStatements(ctx); err != nil {
		return err
	}
	// Until half of the mails are sent, or for so long.
	one, err := b.counted(ctx, func() (float64, error) {
		begin := s.relay.sent.Load()
		err := s.while(int64(whole/2), 2*b.length)
		return float64(s.relay.sent.Load() - begin), err
	})
	if err == nil && one.ops == 0 {
		err = errors.New("the queue was sent before it could be measured: name a longer one with -shapes")
	}
	if err != nil {
		return err
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / one.ops }
	b.printf("  %-30s %-34s %8.0f %10.4f %12.0f                    %8.4f %9.4f %8.4f\n", d.name, sh, one.rate(), one.work.statements/one.ops, one.work.wal/one.ops,
		ms(one.cpu.self), ms(one.cpu.database), ms(one.cpu.broker))
	return nil
}

// while waits until so many are sent, or a time is over.
func (s *simulation) while(sent int64, d time.Duration) error {
	for begin := time.Now(); s.relay.sent.Load() < sent && time.Since(begin) < d; time.Sleep(time.Millisecond) {
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
