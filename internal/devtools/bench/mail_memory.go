package main

import (
	"context"
	"fmt"
	"slices"

	"sespan/internal/devtools/testbed"
)

const (
	memoryTenths = 10
	memoryTarget = 1.2 // second half / first half
)

// benchMailMemory sends a million mails through one worker and looks at its
// resident memory after every ten thousand. It goes up and down with the collector
// of garbage, so medians are compared.
func benchMailMemory(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	worker, err := b.startWorker(ctx, mailConnections)
	if err != nil {
		return err
	}
	e.printf("\n%d mails through one worker; its resident memory in each tenth, median and most, MB:", e.mails)
	var all []float64
	for range memoryTenths {
		sizes, err := b.tenth(ctx, worker)
		if err != nil {
			return err
		}
		all = append(all, sizes...)
		e.printf(" %.0f/%.0f", medianOf(sizes), slices.Max(sizes))
	}
	e.printf("\n")
	half := len(all) / 2
	e.report.AtMost(fmt.Sprintf("worker memory, second half of %d mails / first half", e.mails), medianOf(all[half:])/medianOf(all[:half]), memoryTarget, "")
	return nil
}

// tenth sends a tenth of the mails and gives the worker's memory after each round.
func (b *mailBench) tenth(ctx context.Context, worker *testbed.Service) ([]float64, error) {
	var sizes []float64
	for remaining := b.mails / memoryTenths; remaining > 0; remaining -= mailRound {
		if _, err := b.drain(b.enqueueSealed, min(remaining, mailRound))(ctx); err != nil {
			return nil, err
		}
		mb, err := worker.Resident()
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, mb)
	}
	return sizes, nil
}

func medianOf(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
