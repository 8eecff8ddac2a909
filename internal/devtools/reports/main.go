// Command reports measures what reads the numbers: the counts, the lists of
// transactions and the search in the API log, at a small size and at a large one.
//
//	go run ./internal/devtools/reports [-small 100000] [-rows 10000000] [-quick]
//
// Each size has a PostgreSQL of its own, filled with as many transactions and rows of
// the log, spread over a year and some tiers; the bodies of the log have 100 bytes. The
// times are those of the real binary over HTTP, one call after the other. The buffers
// are those of the same calls in this process, whose statements are explained one by
// one: what they read must not grow with the size.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

// Targets.
const (
	statsTarget   = 50.0  // ms, p95
	searchTarget  = 200.0 // ms, p95
	buffersTarget = 1.5   // large / small
	rowsTarget    = 50_000.0
)

type options struct {
	testbed.Options
	small, rows int
	rounds      int
	only        string // part of the names of the calls to measure
}

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reports:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("reports", flag.ContinueOnError)
	o := options{Options: testbed.Options{Out: out}}
	o.AddFlags(flags)
	flags.IntVar(&o.small, "small", 100_000, "transactions, and rows of the log, of the small tables")
	flags.IntVar(&o.rows, "rows", 10_000_000, "the same of the large tables")
	flags.IntVar(&o.rounds, "rounds", 40, "calls of each kind")
	flags.StringVar(&o.only, "only", "", "measure only calls with this in their name, such as log")
	quick := flags.Bool("quick", false, "small tables and few calls: tries the bench, measures nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *quick {
		o.small, o.rows, o.rounds = 5_000, 20_000, 5
	}
	if o.small < 1000 || o.rows < o.small || o.rounds < 1 {
		return fmt.Errorf("-small is at least 1000, -rows at least -small, -rounds at least 1")
	}
	if err := o.Check(); err != nil {
		return err
	}
	small, err := measure(ctx, o, o.small, true)
	if err != nil {
		return err
	}
	large, err := measure(ctx, o, o.rows, false)
	if err != nil {
		return err
	}
	report(out, small, large)
	return nil
}

// report prints a line for each call.
func report(out io.Writer, small, large []figure) {
	r := &target.Report{}
	for i, f := range large {
		switch {
		case f.memory > 0:
			r.AtMost(f.name+", most memory of the service", f.memory, slowTarget, "MB")
			continue
		case f.rows > 0:
			r.AtLeast(f.name+", rows a second", float64(f.rows)/f.took.Seconds(), rowsTarget, "")
			continue
		case f.search:
			r.AtMost(f.name+", p95", ms(f.p95), searchTarget, "ms")
		default:
			r.AtMost(f.name+", p95", ms(f.p95), statsTarget, "ms")
		}
		if small[i].buffers > 0 {
			r.AtMost(fmt.Sprintf("%s, buffers %d / %d", f.name, f.buffers, small[i].buffers), float64(f.buffers)/float64(small[i].buffers), buffersTarget, "")
		}
	}
	r.Print(out)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
