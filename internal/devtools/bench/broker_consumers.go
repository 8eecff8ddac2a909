package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	consumersStart   = 8 * time.Second // of processes, on a busy machine
	consumersSettle  = 3 * time.Second // for a new consumer to have its share
	consumersRate    = 200             // a second for each consumer, at most: four connections, 20 ms for a mail
	twoConsumersAim  = 1.5
	fourConsumersAim = 3.0
)

// benchBrokerConsumers lets one, two and four consumers send to a sink 20 ms away, in
// each of the three ways, and counts what arrives while there is always more to send.
func benchBrokerConsumers(ctx context.Context, e *env) error {
	f, err := newFleet(ctx, e, sinkOptions{RoundTrip: networkLatency})
	if err != nil {
		return err
	}
	defer f.close()
	e.printf("\nConsumers with %d connections each to a sink %s away, mails a second\n", mailConnections, networkLatency)
	for i, b := range f.sites {
		rates, err := b.consumers(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", f.names[i], err)
		}
		e.printf("  %-20s one %.0f, two %.0f, four %.0f\n", f.names[i], rates[0], rates[1], rates[2])
		e.report.Share(f.names[i]+": two consumers / one, a sink 20 ms away", rates[1]/rates[0], twoConsumersAim)
		e.report.Share(f.names[i]+": four consumers / one, a sink 20 ms away", rates[2]/rates[0], fourConsumersAim)
	}
	return nil
}

// consumers gives the rates of one, two and four.
func (b *mailBench) consumers(ctx context.Context) (rates []float64, err error) {
	window := 2 * b.length
	backlog := int(7 * consumersRate * (consumersStart + consumersSettle + window).Seconds())
	tx, err := b.enqueuePlain(ctx, backlog)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range b.Services {
			s.Stop()
		}
	}()
	for running := 0; len(rates) < 3; {
		for count := 1 << len(rates); running < count; running++ {
			parts := "mail"
			if running == 0 && b.broker != "" {
				parts = "mail,announce"
			}
			if _, err := b.startParts(ctx, parts, mailConnections); err != nil {
				return nil, err
			}
		}
		time.Sleep(consumersSettle)
		n := int(float64(running*consumersRate) * window.Seconds() / 2)
		begin := time.Now()
		if err := b.sink.expect(n); err != nil {
			return nil, err
		}
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		end, err := b.sink.wait(bounded)
		cancel()
		if err != nil {
			return nil, err
		}
		rates = append(rates, float64(n)/end.Sub(begin).Seconds())
	}
	var left bool
	if err := b.Admin.QueryRow(ctx, mailRemainingSQL, 0).Scan(&left); err != nil {
		return nil, err
	}
	if !left {
		return nil, errors.New("the queue ran empty, so the last rates say nothing: the machine is too busy")
	}
	return rates, nil
}
