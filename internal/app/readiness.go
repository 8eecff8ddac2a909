package app

import (
	"context"
	"sync"
	"time"
)

// check is one line of /readyz. A critical one that fails makes the process not
// ready (503); another one is only reported: with the mail server down codes
// wait in the queue and draws go on.
type check struct {
	name     string
	critical bool
	probe    func(context.Context) error
}

type readiness struct {
	Status string            `json:"status"` // ok, degraded, unavailable
	Checks map[string]string `json:"checks"`
}

// readinessChecker answers /readyz from probes that run at most once a second, however
// often it is asked.
type readinessChecker struct {
	checks []check
	clock  func() time.Time

	mu     sync.Mutex
	last   readiness
	probed time.Time
}

const (
	probeTimeout = 2 * time.Second
	probeEvery   = time.Second
)

func (c *readinessChecker) state(ctx context.Context) readiness {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock().Sub(c.probed) < probeEvery {
		return c.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	results := make([]error, len(c.checks))
	var wg sync.WaitGroup
	for i, check := range c.checks {
		wg.Go(func() { results[i] = check.probe(ctx) })
	}
	wg.Wait()
	c.last, c.probed = c.evaluate(results), c.clock()
	return c.last
}

func (c *readinessChecker) evaluate(results []error) readiness {
	r := readiness{Status: "ok", Checks: make(map[string]string, len(results))}
	for i, err := range results {
		if err == nil {
			r.Checks[c.checks[i].name] = "ok"
			continue
		}
		r.Checks[c.checks[i].name] = err.Error()
		if c.checks[i].critical {
			r.Status = "unavailable"
		} else if r.Status == "ok" {
			r.Status = "degraded"
		}
	}
	return r
}

func (a *App) check(name string, critical bool, probe func(context.Context) error) {
	a.checks = append(a.checks, check{name, critical, probe})
}
