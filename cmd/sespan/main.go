// Command sespan rides beside a Django site on the same PostgreSQL.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // SESPAN_TIME_ZONE works on machines without zone files too

	"sespan/internal/app"
	"sespan/internal/config"
	"sespan/internal/devtools/devdb"
)

var version = "dev" // set by the linker

func main() {
	// The demonstration re-executes this binary as the supervisor of its database.
	if code, ok := devdb.Supervise(); ok {
		os.Exit(code)
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	cli, command, err := config.Parse(args, version, os.Stdout, os.Stderr, os.Exit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sespan:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err = app.Command(ctx, cli, command.Command(), app.IO{Out: os.Stdout, Err: os.Stderr, Version: version})
	switch _, setting := errors.AsType[*config.Error](err); {
	case err == nil:
		return 0
	case setting:
		fmt.Fprintln(os.Stderr, "sespan:", err)
		return 2
	default:
		fmt.Fprintln(os.Stderr, "sespan:", err)
		return 1
	}
}
