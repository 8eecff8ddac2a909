package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

const (
	countingTarget = 0.9 // lower end of the interval of each ratio
	resamples      = 10_000
)

//go:embed counting_wal.sql
var countingWALSQL string

//go:embed counting_off.sql
var countingOffSQL string

// countingSide is a binary with a database of its own, under each load.
type countingSide struct {
	*env
	loads []func(context.Context) (sample, error)
}

var countingLoads = []string{"draws", "codes issued", "codes verified", "mails"}

// benchCounting measures what counting costs: this binary against an older one that
// does not count, or against itself with the triggers off, in pairs whose order
// alternates. The ratio of the medians has an interval of 95 %, from resampled pairs.
func benchCounting(ctx context.Context, e *env) error {
	before, what, err := e.withoutCounting(ctx)
	if err != nil {
		return err
	}
	defer before.close()
	var sides [2]*countingSide // before, now
	for i, one := range []*env{before, e} {
		if sides[i], err = newCountingSide(ctx, one); err != nil {
			return err
		}
	}
	e.printf("\nThe price of counting: %d pairs of %s, %s against %s\n", e.rounds, e.length, e.options.Binary, what)
	e.printf("  %-16s %9s %9s %7s  %-16s %14s %7s\n", "", "before /s", "now /s", "ratio", "95 %", "WAL bytes each", "ratio")
	for load, name := range countingLoads {
		if err := e.pairs(ctx, name, load, sides); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// withoutCounting is the other side, with a database of its own.
func (e *env) withoutCounting(ctx context.Context) (before *env, what string, err error) {
	o := e.options
	if e.previous != "" {
		o.Binary, o.Older = e.previous, true
		before, err = newEnv(ctx, o)
		return before, e.previous, err
	}
	if before, err = newEnv(ctx, o); err != nil {
		return nil, "", err
	}
	if _, err = before.Admin.Exec(ctx, countingOffSQL); err != nil {
		before.close()
		return nil, "", err
	}
	return before, "itself with the triggers off", nil
}

func newCountingSide(ctx context.Context, e *env) (*countingSide, error) {
	codes := &codesBench{env: e}
	if err := codes.prepare(ctx); err != nil { // starts the service, which the draws share
		return nil, err
	}
	draws := &drawBench{env: e, bearer: codes.bearer}
	mails, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return nil, err
	}
	drain := func(ctx context.Context) (sample, error) {
		if _, err := e.Admin.Exec(ctx, mailClearSQL); err != nil { // codes that were issued meanwhile
			return sample{}, err
		}
		worker, err := mails.startWorker(ctx, mailConnections)
		if err != nil {
			return sample{}, err
		}
		defer worker.Stop()
		return mails.drain(mails.enqueueSealed, mails.round())(ctx)
	}
	return &countingSide{e, []func(context.Context) (sample, error){draws.http, codes.issue("login", 1), codes.verify, drain}}, nil
}

// pairs runs one load on both sides by turns and prints what came out.
func (e *env) pairs(ctx context.Context, name string, load int, sides [2]*countingSide) error {
	var rates [2][]float64
	var wal [2][]float64
	for pair := range e.rounds + 1 { // the first is to warm up
		for turn := range sides {
			side := (pair + turn) % 2
			rate, bytes, err := sides[side].once(ctx, load)
			if err != nil {
				return err
			}
			if pair > 0 {
				rates[side], wal[side] = append(rates[side], rate), append(wal[side], bytes)
			}
		}
	}
	ratio := middle(rates[1]) / middle(rates[0])
	low, high := interval(rates[0], rates[1])
	e.printf("  %-16s %9.0f %9.0f %7.3f  %.3f to %.3f   %6.0f %7.0f %7.3f\n", name, middle(rates[0]), middle(rates[1]), ratio, low, high,
		middle(wal[0]), middle(wal[1]), middle(wal[1])/middle(wal[0]))
	e.report.Share(name+" with counting / without, lower end of 95 %", low, countingTarget)
	e.report.Share(name+": WAL without counting / with", middle(wal[0])/middle(wal[1]), 1/1.1)
	return nil
}

// once gives the operations per second and the WAL of each.
func (c *countingSide) once(ctx context.Context, load int) (rate, bytes float64, err error) {
	if countingLoads[load] == "codes verified" { // what the round before issued is typed now
		if _, err := c.loads[load-1](ctx); err != nil {
			return 0, 0, err
		}
	}
	var before, after float64
	if err := c.Admin.QueryRow(ctx, countingWALSQL).Scan(&before); err != nil {
		return 0, 0, err
	}
	s, err := c.loads[load](ctx)
	if err != nil {
		return 0, 0, err
	}
	if s.ops == 0 {
		return 0, 0, errors.New("nothing was done in the round")
	}
	err = c.Admin.QueryRow(ctx, countingWALSQL).Scan(&after)
	return s.rate(), (after - before) / s.ops, err
}

// interval gives the 2.5th and 97.5th percentile of the ratio of the medians over
// resampled pairs.
func interval(before, now []float64) (low, high float64) {
	source := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a measurement, the same each time
	ratios := make([]float64, resamples)
	a, b := make([]float64, len(before)), make([]float64, len(now))
	for i := range ratios {
		for j := range a {
			pick := source.IntN(len(a))
			a[j], b[j] = before[pick], now[pick]
		}
		ratios[i] = middle(b) / middle(a)
	}
	slices.Sort(ratios)
	return ratios[resamples*25/1000], ratios[resamples*975/1000]
}

// middle is the median.
func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
