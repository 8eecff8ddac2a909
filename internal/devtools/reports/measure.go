package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sespan/internal/access"
	"sespan/internal/devtools/testbed"
	"sespan/internal/postgres"
)

// figure is what was measured of a call.
type figure struct {
	call
	p50, p95 time.Duration
	cost
	rows   int // of CSV
	took   time.Duration
	memory float64 // MB, of the service beside slow readers
}

// measure fills a database and makes the calls; a warm-up call comes before each.
func measure(ctx context.Context, o options, rows int, describe bool) ([]figure, error) {
	e, err := testbed.New(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if describe {
		if err := e.Describe(ctx); err != nil {
			return nil, err
		}
	}
	f, err := fill(ctx, e, rows)
	if err != nil {
		return nil, err
	}
	service, err := e.Serve(ctx, "api")
	if err != nil {
		return nil, err
	}
	bearer, err := bearer(ctx, e, "reports")
	if err != nil {
		return nil, err
	}
	x, err := newExplainer(ctx, e, bearer)
	if err != nil {
		return nil, err
	}
	defer x.close()
	e.Printf("%-62s %10s %10s %10s %10s %10s\n", fmt.Sprintf("at %d rows", rows), "p50 ms", "p95 ms", "plan ms", "run ms", "buffers")
	var figures []figure
	for _, c := range calls(f) {
		if !strings.Contains(c.name, o.only) {
			continue
		}
		fig := figure{call: c}
		if fig.p50, fig.p95, err = times(ctx, "http://"+service.Addr+c.path, bearer, o.rounds); err != nil {
			return nil, err
		}
		if fig.cost, err = x.cost(ctx, c.path); err != nil {
			return nil, err
		}
		e.Printf("%-62s %10.2f %10.2f %10.2f %10.2f %10d\n", c.name, ms(fig.p50), ms(fig.p95), ms(fig.planning), ms(fig.executed), fig.buffers)
		figures = append(figures, fig)
	}
	if strings.Contains(exportName, o.only) {
		export, err := export(ctx, "http://"+service.Addr, bearer, f)
		if err != nil {
			return nil, err
		}
		e.Printf("%-62s %10d rows in %s\n", export.name, export.rows, export.took.Round(time.Millisecond))
		figures = append(figures, export)
	}
	if strings.Contains(slowName, o.only) {
		slow, err := slow(ctx, e, service, f)
		if err != nil {
			return nil, err
		}
		figures = append(figures, slow)
	}
	return figures, nil
}

func bearer(ctx context.Context, e *testbed.Env, name string) (string, error) {
	pool, err := e.Pool(ctx, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	_, key, err := access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}.Create(ctx, access.RoleAdmin, name, 0)
	return "Bearer " + key, err
}

// times makes the call again and again.
func times(ctx context.Context, address, bearer string, rounds int) (p50, p95 time.Duration, err error) {
	var took []time.Duration
	for i := range rounds + 1 {
		began := time.Now()
		if err := get(ctx, address, bearer, "application/json", io.Discard); err != nil {
			return 0, 0, err
		}
		if i > 0 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return took[len(took)/2], took[min(len(took)*95/100, len(took)-1)], nil
}

func get(ctx context.Context, address, bearer, accept string, out io.Writer) error {
	return getThrough(ctx, address, bearer, accept, out, func(r io.Reader) io.Reader { return r })
}

// getThrough reads the answer through another reader.
func getThrough(ctx context.Context, address, bearer, accept string, out io.Writer, through func(io.Reader) io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", bearer)
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body) // the status is the failure
		return fmt.Errorf("GET %s answered %d: %s", address, res.StatusCode, text)
	}
	_, err = io.Copy(out, through(res.Body))
	return err
}

const exportName = "transactions as CSV"

// export reads a million transactions, or all, as CSV.
func export(ctx context.Context, address, bearer string, f facts) (figure, error) {
	const most = 1_000_000
	lines := &lineCounter{stop: most}
	began := time.Now()
	err := exportTo(ctx, address, bearer, f, lines, func(r io.Reader) io.Reader { return r })
	return figure{call: call{name: exportName}, rows: lines.n, took: time.Since(began)}, err
}

// exportTo reads the year's transactions, or as many as are counted.
func exportTo(ctx context.Context, address, bearer string, f facts, lines *lineCounter, through func(io.Reader) io.Reader) error {
	err := getThrough(ctx, address+"/v1/transactions?from="+f.now.AddDate(-1, 0, 0).UTC().Format("2006-01-02"), bearer, "text/csv", lines, through)
	if lines.n >= lines.stop {
		return nil // enough
	}
	return err
}

// lineCounter counts lines until there are enough.
type lineCounter struct{ n, stop int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	if c.n >= c.stop {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
