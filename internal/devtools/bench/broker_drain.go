package main

import (
	"context"
	_ "embed"
	"fmt"
)

const (
	rawTarget    = 1.0 // mails a second / go-simple-mail alone
	brokerTarget = 0.8 // of the share of PostgreSQL alone
)

//go:embed mail_disk.sql
var mailDiskSQL string

// benchBrokerDrain drains in the three ways, to the same sink over four connections, beside
// the library alone, and counts what each mail costs.
func benchBrokerDrain(ctx context.Context, e *env) error {
	f, err := newFleet(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.start(ctx); err != nil {
		return err
	}
	first := f.sites[0]
	n := first.round()
	e.printf("\n%d mails of a site a round (%d bytes), %d connections to one sink\n", n, len(first.mime[0]), mailConnections)
	sides := []side{{"go-simple-mail alone, no queue", first.library(mailConnections, n)}}
	for i, b := range f.sites {
		sides = append(sides, side{f.names[i], b.afterWarmUp(b.drain(b.enqueuePlain, n))})
	}
	samples, err := e.alternating(ctx, sides...)
	if err != nil {
		return err
	}
	medians := e.printSides(sides, samples)
	for i, name := range f.names {
		e.report.Share(name+": mails a second / go-simple-mail alone", medians[i+1]/medians[0], rawTarget)
	}
	for i, name := range f.names[1:] {
		e.report.Share(name+": mails a second / PostgreSQL alone", medians[i+2]/medians[1], brokerTarget)
	}
	list := f.printCosts(samples[1:])
	f.reportCosts(list, "draining")
	for i, b := range f.sites {
		e.printf("  %s, the service's statements for each mail:\n", f.names[i])
		if err := b.printStatements(ctx, float64(e.rounds*n)); err != nil {
			return err
		}
	}
	return first.printDisk(ctx)
}

// afterWarmUp forgets the statements of the first round.
func (b *mailBench) afterWarmUp(run func(context.Context) (sample, error)) func(context.Context) (sample, error) {
	rounds := 0
	return func(ctx context.Context) (sample, error) {
		if rounds++; rounds == 2 {
			if err := b.forgetStatements(ctx); err != nil {
				return sample{}, err
			}
		}
		return run(ctx)
	}
}

// printDisk prints what finished mails take, tables, indexes and TOAST.
func (b *mailBench) printDisk(ctx context.Context) error {
	var mails, message, outcome, vacuumed float64
	if err := b.Admin.QueryRow(ctx, mailDiskSQL).Scan(&mails, &message, &outcome); err != nil {
		return err
	}
	// A copy of the table has no room of what was: the bodies.
	if _, err := b.Admin.Exec(ctx, "VACUUM FULL sespan.mail_message"); err != nil {
		return err
	}
	if err := b.Admin.QueryRow(ctx, mailDiskSQL).Scan(&mails, &vacuumed, &outcome); err != nil {
		return err
	}
	if mails == 0 {
		return fmt.Errorf("no mail is finished")
	}
	b.printf("  On disk for each of %.0f finished mails: %.0f bytes of mail_message (%.0f where its bodies' room is given back), %.0f of mail_outcome\n",
		mails, message/mails, vacuumed/mails, outcome/mails)
	return nil
}
