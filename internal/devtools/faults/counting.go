package main

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"syscall"
	"time"

	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

var (
	//go:embed counting_tiers.sql
	countingTiersSQL string
	//go:embed counting_sessions.sql
	countingSessionsSQL string
)

const (
	countingLength  = 60 * time.Second
	countingClients = 8
	countingUses    = 500 // winners that the tier with a limit has room for
	countingServes  = 2
)

// counting is a campaign of its own: what was answered is there once and counted once,
// however the processes end that wrote it.
//
//	clients ──► serve, serve (kill -9, replaced) ──► PostgreSQL (sessions ended)
//	   │                                                │
//	 answers ───────────── reconcile ───────────── rows, log, counts
type counting struct {
	*testbed.Env

	report *target.Report
	length time.Duration
	uses   int64
	bearer string
	tier   int64 // the one with a limit

	mu       sync.Mutex
	services []*testbed.Service // in use, the oldest first
	kills    int
}

func (c *counting) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.length+2*time.Minute)
	defer cancel()
	var err error
	if c.bearer, err = c.Bearer(ctx); err != nil {
		return err
	}
	if err := c.Admin.QueryRow(ctx, countingTiersSQL, c.uses).Scan(&c.tier); err != nil {
		return err
	}
	for range countingServes {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	c.Printf("\nCounting under faults: %d clients for %s, one of %d processes killed every %s, every fourth time all database sessions\n",
		countingClients, c.length, countingServes, faultInterval)
	var answers answers
	loaded, endLoad := context.WithTimeout(ctx, c.length)
	defer endLoad()
	ended := make(chan error, 1)
	go func() { ended <- c.faults(loaded) }()
	var clients sync.WaitGroup
	for n := range countingClients {
		clients.Go(func() { (&countingClient{counting: c, answers: &answers, number: n}).work(ctx, loaded) })
	}
	clients.Wait()
	if err := <-ended; err != nil {
		return err
	}
	return c.reconcile(ctx, &answers)
}

// start adds a service. Each folds, too.
func (c *counting) start(ctx context.Context) error {
	s, err := c.Serve(ctx, "api,maintenance")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services = append(c.services, s)
	return err
}

// faults kills and replaces the oldest service, and every fourth time ends the sessions.
func (c *counting) faults(ctx context.Context) error {
	return repeat(ctx, faultInterval, func(n int) error {
		going := context.WithoutCancel(ctx)
		c.kills++
		if n%4 == 3 {
			_, err := c.Admin.Exec(going, countingSessionsSQL)
			return err
		}
		c.mu.Lock()
		oldest := c.services[0]
		c.services = c.services[1:]
		c.mu.Unlock()
		oldest.End(syscall.SIGKILL)
		return c.start(going)
	})
}

// address is that of the service whose turn it is.
func (c *counting) address(turn int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.services[turn%len(c.services)].Addr
}

// answers is what the service has answered.
type answers struct {
	mu      sync.Mutex
	draws   map[string]drawAnswer // by order
	cancels []string              // orders
	codes   int
	faulty  []string // answers that nobody may get
}

// drawAnswer is the answer to a draw, and the id of the call that it answered.
type drawAnswer struct {
	TransactionID int64 `json:"transaction_id"`
	Discounted    bool  `json:"discounted"`
	responseID    string
}

func (a *answers) draw(order string, d drawAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draws == nil {
		a.draws = map[string]drawAnswer{}
	}
	a.draws[order] = d
}

func (a *answers) cancel(order string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancels = append(a.cancels, order)
}

func (a *answers) code() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.codes++
}

func (a *answers) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faulty = append(a.faulty, fmt.Sprintf(format, args...))
}
