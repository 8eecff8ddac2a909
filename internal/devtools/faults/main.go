package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

type options struct {
	testbed.Options

	previous string // sespan of the previous version, "" for none
	quick    bool
	only     string // cases of the campaign of brokers
	list     bool
}

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{Options: testbed.Options{Out: out}}
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	o.AddFlags(flags)
	flags.StringVar(&o.previous, "previous", "", "a sespan of the previous version: adds a phase with both side by side")
	flags.BoolVar(&o.quick, "quick", false, "a tenth of it, to try it")
	flags.StringVar(&o.only, "only", "", "of the brokers' campaign: the cases with names like this one, such as kafka/*")
	flags.BoolVar(&o.list, "list", false, "of the brokers' campaign: name the cases and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 1 || !slices.Contains([]string{"", "counting", "broker"}, flags.Arg(0)) {
		return fmt.Errorf("unexpected argument %q: the campaigns are that of mails, without a name, counting and broker", flags.Arg(flags.NArg()-1))
	}
	if o.list {
		for _, c := range brokerCases() {
			fmt.Fprintln(out, c.name)
		}
		return nil
	}
	if err := o.Check(); err != nil {
		return err
	}
	if o.previous != "" {
		path, err := filepath.Abs(o.previous)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
		o.previous = path
	}
	e, err := testbed.New(ctx, o.Options)
	if err != nil {
		return err
	}
	defer e.Close()
	if err := e.Describe(ctx); err != nil {
		return err
	}
	var report target.Report
	switch flags.Arg(0) {
	case "counting":
		err = o.counting(ctx, e, &report)
	case "broker":
		return o.brokers(ctx, e) // its figures stand in lines, case by case
	default:
		err = o.mails(ctx, e, &report)
	}
	if err != nil {
		return err
	}
	report.Print(out)
	return nil
}

func (o options) brokers(ctx context.Context, e *testbed.Env) error {
	cases := brokerCases()
	if o.quick {
		cases = slices.DeleteFunc(cases, func(c brokerCase) bool { return !c.quick })
	}
	return newBrokers(e, o.only).campaign(ctx, cases)
}

func (o options) mails(ctx context.Context, e *testbed.Env, report *target.Report) error {
	mails, length := phaseMails, phaseLength
	if o.quick {
		mails, length = mails/20, length/8
	}
	c := &campaign{Env: e, report: report, mails: mails, length: length, previous: o.previous}
	return c.run(ctx, phases(o.previous != ""))
}

func (o options) counting(ctx context.Context, e *testbed.Env, report *target.Report) error {
	c := &counting{Env: e, report: report, length: countingLength, uses: countingUses}
	if o.quick {
		c.length, c.uses = c.length/10, c.uses/10
	}
	return c.run(ctx)
}
