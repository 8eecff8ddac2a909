// Command bench measures Sespan on a PostgreSQL of its own and prints shares of
// what the database or the peer library does alone.
//
//	go run ./internal/devtools/bench [flags] [draw codes mail mail-drain mail-network-latency …]
//
// The sides of a comparison alternate in one run, and medians are quoted: on a
// shared machine absolute figures swing far more than their ratio. PostgreSQL
// keeps its default durability settings. Where the service is measured it is the
// real binary in a process of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

// suite is one comparison, on a database of its own.
type suite struct {
	name  string
	run   func(ctx context.Context, e *env) error
	named bool // runs only when it is named: it takes long
	work  bool // PostgreSQL counts what it does for each statement
}

// matches reports whether the name is the suite's, or that of its group.
func (s suite) matches(name string) bool {
	return s.name == name || strings.HasPrefix(s.name, name+"-")
}

func suites() []suite {
	return []suite{
		{name: "draw", run: benchDraw},
		{name: "codes", run: benchCodes},
		{name: "counting", run: benchCounting},
		{name: "counting-held-snapshot", run: benchCountingHeldSnapshot},
		{name: "mail-drain", run: benchMailDrain},
		{name: "mail-network-latency", run: benchMailNetworkLatency},
		{name: "mail-latency", run: benchMailLatency},
		{name: "mail-urgent", run: benchMailUrgent},
		{name: "mail-trigger", run: benchMailTrigger},
		{name: "mail-batch", run: benchMailBatch},
		{name: "mail-workers", run: benchMailWorkers},
		{name: "mail-held-snapshot", run: benchMailHeldSnapshot},
		{name: "mail-memory", run: benchMailMemory},
		{name: "attack", run: benchAttack, named: true},
		{name: "attack-mails", run: benchAttackMails, named: true},
		{name: "broker-drain", run: benchBrokerDrain, named: true, work: true},
		{name: "broker-latency", run: benchBrokerLatency, named: true, work: true},
		{name: "broker-urgent", run: benchBrokerUrgent, named: true},
		{name: "broker-idle", run: benchBrokerIdle, named: true, work: true},
		{name: "broker-consumers", run: benchBrokerConsumers, named: true},
		{name: "simulation-capacity", run: benchSimulationCapacity, named: true, work: true},
		{name: "simulation-pace", run: benchSimulationPace, named: true, work: true},
	}
}

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := func() error { return run(ctx, os.Args[1:], os.Stdout) }
	if os.Getenv(sinkEnv) != "" {
		command = func() error { return runSink(ctx, os.Stdin, os.Stdout) }
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, names, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.profile != "" {
		stop, err := profile(o.profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	defer o.brokers.close()
	described := false
	for _, s := range suites() {
		if len(names) == 0 && s.named || len(names) > 0 && !slices.ContainsFunc(names, s.matches) {
			continue
		}
		if err := runSuite(ctx, s, o, !described); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		described = true
	}
	o.report.Print(out)
	return nil
}

func parse(args []string, out io.Writer) (options, []string, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := options{Options: testbed.Options{Out: out}, report: &target.Report{}, brokers: &brokers{}}
	o.AddFlags(flags)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds per side")
	flags.DurationVar(&o.length, "length", 3*time.Second, "length of one round of one side")
	flags.IntVar(&o.mails, "mails", 1_000_000, "mails of the long drain that watches the worker's memory")
	flags.IntVar(&o.calls, "calls", 1_000_000, "hostile calls of suite attack")
	flags.StringVar(&o.broker, "broker", "", "SESPAN_BROKER_URL of a broker that dispatches the mails, amqp://… or kafka://…; the database without it")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile of this process")
	flags.StringVar(&o.previous, "previous", "", "an older binary, without counting, that suite counting compares with")
	shapes := flags.String("shapes", "", "of the simulation: workers x connections @ the relay's latency / mails in the queue, such as 4x250@50ms/100000, with commas between")
	quick := flags.Bool("quick", false, "one short round each: tries the bench, measures nothing")
	if err := flags.Parse(args); err != nil {
		return o, nil, err
	}
	if *shapes != "" {
		var err error
		if o.shapes, err = parseShapes(*shapes); err != nil {
			return o, nil, err
		}
	}
	if *quick {
		o.rounds, o.length, o.mails, o.calls, o.quick = 1, 300*time.Millisecond, 20_000, 20_000, true
	}
	for _, name := range flags.Args() {
		if !slices.ContainsFunc(suites(), func(s suite) bool { return s.matches(name) }) {
			return o, nil, fmt.Errorf("there is no suite %q; there are %s", name, suiteNames())
		}
	}
	if o.rounds < 1 || o.length <= 0 {
		return o, nil, fmt.Errorf("-rounds and -length must be positive")
	}
	if o.mails < 1000 {
		return o, nil, fmt.Errorf("-mails must be at least 1000")
	}
	if o.previous != "" {
		var err error
		if o.previous, err = filepath.Abs(o.previous); err != nil {
			return o, nil, err
		}
	}
	return o, flags.Args(), o.Check()
}

func profile(path string) (stop func(), err error) {
	f, err := os.Create(path) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil //nolint:errcheck // a profile is no result
}

func runSuite(ctx context.Context, s suite, o options, describe bool) error {
	if s.work {
		o.Parameters = map[string]string{"shared_preload_libraries": "pg_stat_statements"}
	}
	e, err := newEnv(ctx, o)
	if err != nil {
		return err
	}
	defer e.close()
	if describe {
		if err := e.describe(ctx); err != nil {
			return err
		}
	}
	e.printf("\n%s, %s\n", s.name, testbed.Load())
	return s.run(ctx, e)
}

func suiteNames() string {
	var list []string
	for _, s := range suites() {
		list = append(list, s.name)
	}
	return strings.Join(list, ", ")
}
