package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/devtools/poll"
)

//go:embed simulation_rows.sql
var simulationRowsSQL string

const (
	paceEnqueuers = 8 // connections of those who enqueue
	paceWorkers   = 2
	paceSenders   = 100 // connections of each to the relay
	paceLatency   = 20 * time.Millisecond
	paceWarm      = 4 * time.Second // a group of Kafka takes so long to share its partitions out
)

// benchSimulationPace enqueues so many mails a second, each in a transaction of its own,
// and lets workers send them: what a steady day costs, enqueuing included.
func benchSimulationPace(ctx context.Context, e *env) error {
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
	e.printf("\nMails enqueued one by one at a steady pace, %d workers x %d connections @ %s of a virtual relay; enqueuing included\n", paceWorkers, paceSenders, paceLatency)
	e.printf("  %-30s %9s %8s %17s %10s %12s   CPU ms a mail of %8s %9s %8s   rows written a mail\n", "", "asked", "sent/s", "p50, p99 ms", "statements", "bytes of WAL", "load", "database", "broker")
	for _, pace := range []int{100, 1000} {
		if err := b.pace(ctx, dispatch{name: "enqueued only"}, pace, 0); err != nil {
			return err
		}
		for _, d := range b.dispatches() {
			if err := b.pace(ctx, d, pace, paceWorkers); err != nil {
				return fmt.Errorf("%s, %d a second: %w", d.name, pace, err)
			}
		}
	}
	return nil
}

// paced is what was enqueued, and when.
type paced struct {
	committed []time.Time
	latencies []time.Duration
	next      atomic.Int64
}

func (b *mailBench) pace(ctx context.Context, d dispatch, pace, workers int) error {
	if _, err := b.Admin.Exec(ctx, mailClearSQL); err != nil {
		return err
	}
	s, err := b.simulate(ctx, d, workers, paceSenders, paceLatency)
	if err != nil {
		return err
	}
	stop := sync.OnceFunc(func() { s.stop(ctx) })
	defer stop()
	warm, length := paceWarm, 2*b.length
	n := int(float64(pace) * (warm + length).Seconds())
	p := &paced{committed: make([]time.Time, n), latencies: make([]time.Duration, n)}
	s.relay.took = p.took
	before, err := b.rowsWritten(ctx)
	if err != nil {
		return err
	}
	if err := b.enqueuePaced(ctx, p, pace, int(float64(pace)*warm.Seconds())); err != nil {
		return err
	}
	first := int(p.next.Load())
	one, err := b.counted(ctx, func() (float64, error) {
		err := b.enqueuePaced(ctx, p, pace, n)
		if err == nil && workers > 0 {
			err = s.until(int64(n), time.Minute)
		}
		return float64(n - first), err
	})
	if err != nil {
		return err
	}
	stop()
	rows, err := b.rowsAfter(ctx, before, n, workers > 0)
	if err != nil {
		return err
	}
	b.printPace(d, pace, one, p.latencies[first:], rows)
	return nil
}

func (b *mailBench) printPace(d dispatch, pace int, one sample, latencies durations, rows string) {
	slices.Sort(latencies)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / one.ops }
	b.printf("  %-30s %7d/s %8.0f %8.1f %8.1f %10.4f %12.0f                    %8.4f %9.4f %8.4f   %s\n", d.name, pace, one.rate(), latencies.at(0.5), latencies.at(0.99),
		one.work.statements/one.ops, one.work.wal/one.ops, ms(one.cpu.self), ms(one.cpu.database), ms(one.cpu.broker), rows)
}

// took notes when a mail arrived.
func (p *paced) took(recipient string) {
	var i int
	if _, err := fmt.Sscanf(recipient, "user%d@", &i); err == nil && i < len(p.latencies) {
		p.latencies[i] = time.Since(p.committed[i])
	}
}

// enqueuePaced goes on until n mails are enqueued.
func (b *mailBench) enqueuePaced(ctx context.Context, p *paced, pace, n int) error {
	first, begin := p.next.Load(), time.Now()
	_, err := parallel(ctx, paceEnqueuers, time.Hour, func(int) (bool, error) {
		i := int(p.next.Add(1)) - 1
		if i >= n {
			p.next.Add(-1)
			return false, nil
		}
		at := begin.Add(time.Duration(float64(int64(i)-first) / float64(pace) * float64(time.Second)))
		time.Sleep(time.Until(at))
		p.committed[i] = time.Now()
		_, err := b.Admin.Exec(ctx, mailEnqueueOneSQL, recipient(i), b.subject, b.text[i%mailVariants], b.html[i%mailVariants])
		return true, err
	})
	return err
}

// written are rows that were inserted, updated and deleted, and updates that stayed in their page.
type written struct{ inserted, updated, deleted, hot int64 }

// rowsWritten counts those of the queue's tables.
func (b *mailBench) rowsWritten(ctx context.Context) (w written, err error) {
	err = b.Admin.QueryRow(ctx, simulationRowsSQL).Scan(&w.inserted, &w.updated, &w.deleted, &w.hot)
	return w, err
}

// rowsAfter waits until PostgreSQL has counted all, which sessions report at their end.
func (b *mailBench) rowsAfter(ctx context.Context, before written, n int, sent bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	want := int64(2 * n) // a message and a row of the queue
	if sent {
		want += int64(n) // an outcome
	}
	b.Admin.Reset()
	var w written
	err := poll.Until(ctx, 50*time.Millisecond, func() (bool, error) {
		after, err := b.rowsWritten(ctx)
		w = written{after.inserted - before.inserted, after.updated - before.updated, after.deleted - before.deleted, after.hot - before.hot}
		return w.inserted >= want, err
	})
	each := func(x int64) float64 { return float64(x) / float64(n) }
	return fmt.Sprintf("%.2f inserted, %.2f updated (%.2f in their page), %.2f deleted", each(w.inserted), each(w.updated), each(w.hot), each(w.deleted)), err
}
