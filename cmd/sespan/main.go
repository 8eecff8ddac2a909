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

	"sespan"
	"sespan/internal/cli"
	"sespan/internal/config"
)

var commit string // set by the linker

func main() { os.Exit(run(os.Args[1:])) }

// run gives the exit code: 0 done, 1 failed, 2 a setting or an argument is wrong; a
// command may have codes of its own, as the doctor has.
func run(args []string) int {
	command, err := cli.Parse(args, cli.IO{Out: os.Stdout, Err: os.Stderr, Version: sespan.Build(commit), Exit: os.Exit})
	if err != nil {
		fmt.Fprintln(os.Stderr, "sespan:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err = command.Run(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "sespan:", err)
	if exit, own := errors.AsType[*cli.ExitError](err); own {
		return exit.Code
	}
	if _, setting := errors.AsType[*config.Error](err); setting {
		return 2
	}
	return 1
}
