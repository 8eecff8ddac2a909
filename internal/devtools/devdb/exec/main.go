// Command exec runs a command with a private PostgreSQL at hand, whose superuser
// URL stands in SESPAN_TEST_DATABASE_URL, and gives the command's exit code:
//
//	go run ./internal/devtools/devdb/exec [-version 15] -- pytest django_bridge/tests
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
)

const urlEnv = "SESPAN_TEST_DATABASE_URL"

func main() {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	version := flag.String("version", "", "version of the server, such as 15; the newest by default")
	flag.Parse()
	os.Exit(run(*version, flag.Args()))
}

func run(version string, command []string) int {
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "exec: name a command after --")
		return 2
	}
	// Ctrl-C reaches the child too (same process group); this process stays to
	// stop the server after it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	starting, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	server, err := devdb.Start(starting, devdb.Options{
		Version:    version,
		Parameters: map[string]string{"max_connections": "300", "max_prepared_transactions": "10"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "exec:", err)
		return 1
	}
	code := child(ctx, command, append(os.Environ(), urlEnv+"="+server.URL("postgres")))
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "exec:", err)
		return max(code, 1)
	}
	return code
}

func child(ctx context.Context, command, environment []string) int {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment, os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "exec:", err)
		return 1
	}
	return 0
}
