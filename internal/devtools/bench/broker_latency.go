package main

import (
	"context"
	"fmt"
)

const (
	brokerSingles       = 500
	brokerLatencyTarget = 10 // ms, p50
)

// benchBrokerLatency commits one mail each 10 ms in each of the three ways, and measures
// from the commit to the sink's 250; a mail by itself is the dearest.
func benchBrokerLatency(ctx context.Context, e *env) error {
	f, err := newFleet(ctx, e, sinkOptions{Log: true})
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.start(ctx); err != nil {
		return err
	}
	n := brokerSingles
	if e.quick {
		n /= 10
	}
	measured := make([][]durations, len(f.sites))
	var sides []side
	for i, b := range f.sites {
		sides = append(sides, side{f.names[i], b.afterWarmUp(func(ctx context.Context) (s sample, err error) {
			var one durations
			s, err = b.counted(ctx, func() (float64, error) {
				one, err = b.singles(ctx, n)
				return float64(n), err
			})
			measured[i] = append(measured[i], one)
			return s, err
		})})
	}
	samples, err := e.alternating(ctx, sides...)
	if err != nil {
		return err
	}
	e.printf("\nOne mail each %s, %d a round: from before the commit to the sink's 250, medians of the rounds\n", singleInterval, n)
	for i, name := range f.names {
		at := func(share float64) float64 {
			return median(measured[i][1:], func(d durations) float64 { return d.at(share) })
		}
		e.printf("  %-20s p50 %.1f, p90 %.1f, p99 %.1f, longest %.1f ms\n", name, at(0.5), at(0.9), at(0.99), at(1))
		e.report.AtMost(fmt.Sprintf("%s: one mail each %s, commit to the sink's 250, p50", name, singleInterval), at(0.5), brokerLatencyTarget, "ms")
		e.report.Info(fmt.Sprintf("%s: the same, p99", name), at(0.99), "ms")
	}
	list := f.printCosts(samples)
	f.reportCosts(list, "one each 10 ms")
	for i, b := range f.sites {
		e.printf("  %s, the service's statements for each mail:\n", f.names[i])
		if err := b.printStatements(ctx, float64(e.rounds*n)); err != nil {
			return err
		}
	}
	return nil
}
