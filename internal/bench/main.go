// Command bench measures Sespan on a PostgreSQL of its own and prints shares of
// what the database or the peer library does alone.
//
//	go run ./internal/bench [flags] [draw …]
//
// The sides of a comparison alternate in one run, and medians are quoted: on a
// shared machine absolute figures swing far more than their ratio. PostgreSQL
// keeps its default durability settings.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"sespan/internal/devdb"
)

// suite is one comparison.
type suite struct {
	name string
	run  func(ctx context.Context, e *env) error
}

func suites() []suite {
	return []suite{
		{"draw", benchDraw},
	}
}

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := options{out: out}
	flags.StringVar(&o.dir, "data", defaultDir(), "folder for the database; memory by default where there is /dev/shm")
	flags.StringVar(&o.version, "postgres", "", "major version of the server, or the folder of an installed one")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds per side")
	flags.DurationVar(&o.length, "length", 4*time.Second, "length of one round of one side")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile of this process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.profile != "" {
		stop, err := profile(o.profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	wanted := flags.Args()
	all := suites()
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(s suite) bool { return s.name == name }) {
			return fmt.Errorf("there is no suite %q; there are %s", name, names(all))
		}
	}
	for _, s := range all {
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
			continue
		}
		if err := one(ctx, s, o); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func profile(path string) (stop func(), err error) {
	f, err := os.Create(path) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil //nolint:errcheck // a profile is a help, no result
}

func one(ctx context.Context, s suite, o options) error {
	e, err := newEnv(ctx, o)
	if err != nil {
		return err
	}
	defer e.close()
	return s.run(ctx, e)
}

func names(all []suite) string {
	var list []string
	for _, s := range all {
		list = append(list, s.name)
	}
	return strings.Join(list, ", ")
}

func defaultDir() string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return os.TempDir()
}
