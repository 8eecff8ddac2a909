// Command sespan-demo runs the whole of Sespan on one machine for a person to try: a
// PostgreSQL of its own, the development inbox, the service and the example shop. It
// starts the sespan that stands beside it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"sespan"
	"sespan/internal/config"
	"sespan/internal/devtools/demo"
	"sespan/internal/devtools/devdb"
)

var commit string // set by the linker

func main() {
	// This program is also the supervisor of its database.
	if code, ok := devdb.Supervise(); ok {
		os.Exit(code)
	}
	os.Exit(run(os.Args[1:]))
}

// run gives the exit code: 0 stopped, 1 failed, 2 an argument is wrong.
func run(args []string) int {
	var flags struct {
		demo.Options
		Version kong.VersionFlag `help:"Print the version."`
	}
	program := config.Program{
		Name: "sespan-demo", Description: "Runs the whole demonstration of Sespan: database, mail inbox, service and example shop.",
		Version: sespan.Build(commit), Out: os.Stdout, Err: os.Stderr, Exit: os.Exit,
	}
	if _, err := config.Parse(&flags, program, args); err != nil {
		fmt.Fprintln(os.Stderr, "sespan-demo:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	flags.Out = os.Stdout
	if err := demo.Run(ctx, flags.Options); err != nil {
		fmt.Fprintln(os.Stderr, "sespan-demo:", err)
		return 1
	}
	return 0
}
