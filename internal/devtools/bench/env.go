package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

type options struct {
	testbed.Options

	profile  string
	broker   string // that dispatches the mails; "" for the database
	prefix   string // of this site's names there
	brokers  *brokers
	previous string // an older binary, for the price of counting
	rounds   int
	mails    int // of the long drain
	calls    int // of the attack
	length   time.Duration
	quick    bool
	shapes   []shape // of the simulation; none for its own
	report   *target.Report
}

const siteName = "Shop"

// env is what one suite runs on.
type env struct {
	*testbed.Env
	options

	service  *testbed.Service // that the load is for; nil where there is none
	sink     *sink            // nil where no mail is sent
	counting bool             // what PostgreSQL does, in each sample
}

func newEnv(ctx context.Context, o options) (*env, error) {
	o.prefix = fmt.Sprintf("bench%d", rand.Uint32()) //nolint:gosec // no two sites of a broker share it
	e, err := testbed.New(ctx, o.Options)
	return &env{Env: e, options: o}, err
}

func (e *env) close() {
	e.Close()
	if e.sink != nil {
		e.sink.stop()
	}
}

// serve starts the service that the load is for.
func (e *env) serve(ctx context.Context, parts string) (err error) {
	e.service, err = e.Serve(ctx, parts)
	return err
}

// printf writes to the reader of the figures.
func (e *env) printf(format string, args ...any) { e.Env.Printf(format, args...) }

// describe prints what the figures depend on.
func (e *env) describe(ctx context.Context) error {
	if err := e.Describe(ctx); err != nil {
		return err
	}
	e.printf("Rounds      %d of %s a side after one to warm up; the sides take turns, medians are quoted\n", e.rounds, e.length)
	return nil
}
