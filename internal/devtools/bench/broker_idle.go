package main

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

const (
	idleRows   = 1_000_000
	idleLooks  = 200
	idleTarget = 5 // ms
	idleWindow = 5000
	idleBatch  = 1250
)

//go:embed broker_idle_fill.sql
var brokerIdleFillSQL string

//go:embed broker_idle_later.sql
var brokerIdleLaterSQL string

// benchBrokerIdle measures a round of an announcer that finds nothing to announce beside
// a million waiting rows: behind three full windows, and where all are scheduled for later.
func benchBrokerIdle(ctx context.Context, e *env) error {
	rows := idleRows
	if e.quick {
		rows /= 10
	}
	if _, err := e.Admin.Exec(ctx, brokerIdleFillSQL, rows); err != nil {
		return err
	}
	if _, err := e.Admin.Exec(ctx, "VACUUM ANALYZE sespan.mail_queue"); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Options{URL: e.LoginURL(), MaxConns: 2, GenericPlans: true})
	if err != nil {
		return err
	}
	defer pool.Close()
	store := postgres.NewMail(pool)
	e.printf("\nA round of an announcer with nothing to announce, %d rows wait: p50, p99 of %d\n", rows, idleLooks)
	if err := fillWindows(ctx, store); err != nil {
		return err
	}
	for _, look := range []struct {
		name  string
		sweep bool
	}{{"three full windows of 5,000", false}, {"the same, from the start", true}} {
		p50, err := e.idleRounds(ctx, store, look.name, look.sweep)
		if err != nil {
			return err
		}
		if !look.sweep {
			e.report.AtMost("an announcer's idle round beside 1,000,000 rows, full windows, p50", p50, idleTarget, "ms")
		}
	}
	for _, sql := range []string{brokerIdleLaterSQL, "VACUUM ANALYZE sespan.mail_queue"} {
		if _, err := e.Admin.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if _, err := store.Mark(ctx, idleLook(true)); err != nil {
		return err
	}
	for _, sweep := range []bool{false, true} {
		name := "all for later"
		if sweep {
			name += ", from the start"
		}
		p50, err := e.idleRounds(ctx, store, name, sweep)
		if err != nil {
			return err
		}
		e.report.AtMost("an announcer's idle round beside 1,000,000 rows, "+name+", p50", p50, idleTarget, "ms")
	}
	return nil
}

// idleLook is what an announcer asks for whose windows are full.
func idleLook(sweep bool) (o mail.MarkOptions) {
	for lane := range o.Lanes {
		o.Lanes[lane] = mail.LaneLimit{Window: idleWindow, Batch: idleBatch, Again: time.Hour, Repeat: idleBatch, Sweep: sweep}
	}
	return o
}

func fillWindows(ctx context.Context, store *postgres.Mail) error {
	for marked := 1; marked > 0; {
		list, err := store.Mark(ctx, idleLook(false))
		if err != nil {
			return err
		}
		marked = 0
		for _, m := range list {
			marked += len(m.QueueIDs)
		}
	}
	return nil
}

// idleRounds gives the median in milliseconds.
func (e *env) idleRounds(ctx context.Context, store *postgres.Mail, name string, sweep bool) (float64, error) {
	took := make(durations, idleLooks)
	o := idleLook(sweep)
	for i := range took {
		begin := time.Now()
		list, err := store.Mark(ctx, o)
		if err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
		for _, m := range list { // as an announcer remembers it
			if !m.Unchanged && !sweep {
				o.Lanes[m.Lane].Head = m.Head
			}
		}
	}
	slices.Sort(took)
	e.printf("  %-32s %.2f, %.2f ms\n", name, took.at(0.5), took.at(0.99))
	return took.at(0.5), nil
}
