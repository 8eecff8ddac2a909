package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// side is one thing that is measured; run does one round of it.
type side struct {
	name string
	run  func(ctx context.Context) (sample, error)
}

// sample is one round of a side: what was done, how long it took and the
// processor time of each process meanwhile.
type sample struct {
	ops  float64
	took time.Duration
	cpu  usage
	work work // of PostgreSQL, where it is counted
}

func (s sample) rate() float64 { return s.ops / s.took.Seconds() }

// sample times work, which gives the number of operations it has done.
func (e *env) sample(work func() (float64, error)) (sample, error) {
	before, start := e.cpu(), time.Now()
	ops, err := work()
	s := sample{ops: ops, took: time.Since(start)}
	s.cpu = e.cpu().minus(before)
	return s, err
}

// alternate runs each side e.rounds times, in turns after a warm-up round, prints
// them and gives the median rates in the order of the sides.
func (e *env) alternate(ctx context.Context, sides ...side) ([]float64, error) {
	samples, err := e.alternating(ctx, sides...)
	if err != nil {
		return nil, err
	}
	return e.printSides(sides, samples), nil
}

// alternating gives all samples, by side.
func (e *env) alternating(ctx context.Context, sides ...side) ([][]sample, error) {
	samples := make([][]sample, len(sides))
	for round := range e.rounds + 1 {
		for i, s := range sides {
			one, err := s.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 {
				samples[i] = append(samples[i], one)
			}
		}
	}
	return samples, nil
}

// printSides prints rates and processor time and gives the median rates.
func (e *env) printSides(sides []side, samples [][]sample) []float64 {
	e.printf("  %-42s %8s  %s\n", "", "median", "CPU ms per operation of")
	e.printf("  %-42s %8s  %8s %8s %9s %8s   %s\n", "", "per s", "load", "service", "database", "sink", "rounds")
	medians := make([]float64, len(sides))
	for i, s := range sides {
		medians[i] = median(samples[i], sample.rate)
		of := func(part func(usage) time.Duration) string { return perOperation(samples[i], part) }
		e.printf("  %-42s %8.0f  %8s %8s %9s %8s   %s\n", s.name, medians[i],
			of(func(u usage) time.Duration { return u.self }), of(func(u usage) time.Duration { return u.server }),
			of(func(u usage) time.Duration { return u.database }), of(func(u usage) time.Duration { return u.sink }), rates(samples[i]))
	}
	return medians
}

func perOperation(samples []sample, of func(usage) time.Duration) string {
	ms := median(samples, func(s sample) float64 { return of(s.cpu).Seconds() * 1000 / s.ops })
	if ms < 0.005 { // it was idle
		return "–"
	}
	return fmt.Sprintf("%.2f", ms)
}

func median[T any](samples []T, of func(T) float64) float64 {
	list := make([]float64, len(samples))
	for i, s := range samples {
		list[i] = of(s)
	}
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

func rates(samples []sample) string {
	list := make([]string, len(samples))
	for i, s := range samples {
		list[i] = fmt.Sprintf("%.0f", s.rate())
	}
	return strings.Join(list, " ")
}

// parallel calls work from n goroutines, again and again until the length is
// over or work says that there is no more, and gives the number of calls. work
// gets its goroutine's number.
func parallel(ctx context.Context, n int, length time.Duration, work func(worker int) (more bool, err error)) (float64, error) {
	var wg sync.WaitGroup
	var done atomic.Int64
	errs := make(chan error, n)
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			for time.Since(start) < length && ctx.Err() == nil {
				more, err := work(i)
				if err != nil {
					errs <- err
					return
				}
				if !more {
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(done.Load()), ctx.Err()
	}
}
