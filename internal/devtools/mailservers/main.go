package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/testbed"
)

type options struct {
	testbed.Options

	debian string // releases whose mail servers are tried
	only   string // part of the names of those, "" for all
	quick  bool
}

var errDeviations = errors.New("a mail server did not do what it should, see above")

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mailservers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{Options: testbed.Options{Out: out}}
	flags := flag.NewFlagSet("mailservers", flag.ContinueOnError)
	o.AddFlags(flags)
	flags.StringVar(&o.debian, "debian", "trixie", "releases of Debian whose mail servers are tried, such as bookworm,trixie")
	flags.StringVar(&o.only, "only", "", "of these, those that have this in their package and setting")
	flags.BoolVar(&o.quick, "quick", false, "a tenth of the mails")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := o.Check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "sespan-mailservers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // made above
	creds, err := newCredentials(dir)
	if err != nil {
		return err
	}
	return tryAll(ctx, o, creds)
}

// tryAll runs a trial of each setup that is asked for.
func tryAll(ctx context.Context, o options, creds credentials) error {
	deviations, tried := 0, 0
	for _, name := range strings.Split(o.debian, ",") {
		d, err := newRelease(ctx, name)
		if err != nil {
			return err
		}
		o.Printf("\nDebian %s\n%s\n", name, tableHeader)
		for _, s := range setups(name) {
			if !strings.Contains(s.software.pkg+" "+s.name, o.only) {
				continue
			}
			tried++
			t, err := runTrial(ctx, o, d, s, creds)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil: // the others are worth trying
				o.Printf("  %s, %s: %v\n", s.software.pkg, s.name, err)
				deviations++
			default:
				deviations += t.print()
			}
		}
	}
	switch {
	case tried == 0:
		return fmt.Errorf("-only %s: no mail server with its setting, as in the table, has this in its name", o.only)
	case deviations > 0:
		return errDeviations
	}
	return nil
}
