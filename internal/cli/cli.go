// Package cli is the command line of Sespan: one file a command, with its flags, what
// it does and what it prints. A command opens what it needs; the service itself is
// put together by package app.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"sespan/internal/config"
)

// CLI is the command line. Each command is a struct whose Run method is called with
// the context and Env.
type CLI struct {
	Init          Init             `cmd:"" help:"Set a database up: migrate, bind the customers, make a service key; prints the settings to paste."`
	Serve         Serve            `cmd:"" help:"Run the service: the HTTP API, the mail worker and the maintenance."`
	Migrate       Migrate          `cmd:"" help:"Create or change the schema sespan."`
	BindCustomers Bind             `cmd:"" help:"Bind the site's user table, so that Sespan finds its customers."`
	Unbind        Unbind           `cmd:"" help:"Let go of the site's user table (before the site's flush, or to uninstall)."`
	Keys          Keys             `cmd:"" help:"Make, list, rotate and revoke service keys."`
	Mail          Mail             `cmd:"" help:"Look at the mail queue and change it: status, why, retry, cancel, pause and more."`
	Customer      Customer         `cmd:"" help:"What a person may ask for: an export of all that is held, and an erasure."`
	SecretKeys    SecretKeys       `cmd:"" help:"Tell what each of SESPAN_SECRET_KEYS is still needed for."`
	Stats         Stats            `cmd:"" help:"Prove the counts of the dashboard by the rows that were counted."`
	Doctor        Doctor           `cmd:"" help:"Check everything that serve stands on, and say what to do; exit codes as of monitoring plugins."`
	Config        Config           `cmd:"" help:"Look at the settings."`
	Healthcheck   Healthcheck      `cmd:"" help:"Ask a running serve on this machine whether it can serve; for containers."`
	Openapi       OpenAPI          `cmd:"" help:"Print the OpenAPI 3.1 document."`
	Dashboards    Dashboards       `cmd:"" help:"Write the dashboards and the set-up of Grafana, the rules of Prometheus and the runbooks into a folder."`
	Inbox         Inbox            `cmd:"" help:"Run a development mail inbox: an SMTP server with a web page."`
	Version       kong.VersionFlag `help:"Print the version."`
	Log           config.Log       `embed:"" prefix:"log-"`
}

// IO is where a command prints, and what it calls itself.
type IO struct {
	Out     io.Writer // results, for pipes
	Err     io.Writer // messages and the log
	Version string
	Exit    func(int) // called after --help and --version
}

// Env is what every command works with.
type Env struct {
	IO
	logger *slog.Logger
}

// progress prints a message, a line of standard error.
func (e *Env) progress(line string) { fmt.Fprintln(e.Err, line) }

// Command is a command line that was understood.
type Command struct {
	parsed *kong.Context
	env    *Env
}

// Parse reads the arguments and the environment.
func Parse(args []string, std IO) (*Command, error) {
	line := &CLI{}
	parsed, err := config.Parse(line, config.Program{
		Name:        "sespan",
		Description: "Sespan rides beside a Django site on the same PostgreSQL: e-mail codes, discount draws, an API log and a mail queue.",
		Version:     std.Version, Out: std.Out, Err: std.Err, Exit: std.Exit,
	}, args)
	if err != nil {
		return nil, err
	}
	return &Command{parsed, &Env{IO: std, logger: line.Log.Logger(std.Err)}}, nil
}

// Run runs the chosen command.
func (c *Command) Run(ctx context.Context) error {
	c.parsed.BindTo(byPerson(ctx, c.parsed.Command()), (*context.Context)(nil))
	return oneLineError(c.parsed.Run(c.env))
}

// oneLineError makes one line of an address that does not answer, which is tried again, a
// line each. What has an exit code of its own is a line already.
func oneLineError(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	if _, own := errors.AsType[*ExitError](err); own {
		return err
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
