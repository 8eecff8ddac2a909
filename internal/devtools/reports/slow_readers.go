package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"sespan/internal/devtools/testbed"
)

// Slow readers of exports: as many as a process lets in, on a line that carries so much.
const (
	slowReaders      = 4
	slowReadersOfKey = 2
	slowBytes        = 32 << 10 // in a tick
	slowTick         = 20 * time.Millisecond
	slowRows         = 300_000 // of each reader
	slowName         = "transactions as CSV, slow readers"
	slowTarget       = 256.0 // MB
)

// slow reads exports slowly and gives the most memory that the service takes meanwhile.
func slow(ctx context.Context, e *testbed.Env, service *testbed.Service, f facts) (figure, error) {
	idle, err := service.Resident()
	if err != nil {
		return figure{}, err
	}
	began, most := time.Now(), idle
	readers, ctx := errgroup.WithContext(ctx)
	lines := make([]*lineCounter, slowReaders)
	var key string
	for i := range slowReaders {
		if i%slowReadersOfKey == 0 {
			if key, err = bearer(ctx, e, "slow "+strconv.Itoa(i)); err != nil {
				return figure{}, err
			}
		}
		out, authorization := &lineCounter{stop: slowRows}, key
		lines[i] = out
		readers.Go(func() error { return exportTo(ctx, "http://"+service.Addr, authorization, f, out, slowReader) })
	}
	done := make(chan error, 1)
	go func() { done <- readers.Wait() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			rows := 0
			for _, l := range lines {
				rows += l.n
			}
			e.Printf("%-62s %10d rows by %d readers in %s, memory %.0f MB before, %.0f at most\n", slowName, rows, slowReaders, time.Since(began).Round(time.Second), idle, most)
			return figure{call: call{name: slowName}, memory: most}, err
		case <-tick.C:
			mb, err := service.Resident()
			if err != nil {
				return figure{}, err
			}
			most = max(most, mb)
		}
	}
}

// slowReader lets slowBytes through in a tick.
func slowReader(r io.Reader) io.Reader { return &throttled{r} }

type throttled struct{ io.Reader }

func (t *throttled) Read(p []byte) (int, error) {
	time.Sleep(slowTick)
	return t.Reader.Read(p[:min(len(p), slowBytes)])
}
