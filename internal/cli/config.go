package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"sespan/internal/app"
	"sespan/internal/config"
)

// Config is the command config.
type Config struct {
	Check ConfigCheck `cmd:"" help:"Print every setting of serve as it counts, without secrets, and check it as serve does."`
}

// ConfigCheck is the command config check.
type ConfigCheck struct {
	config.Serve
	JSON bool `name:"json" help:"Print the settings as JSON."`
}

// Run prints the settings, and fails with the line of the one that is wrong.
func (c *ConfigCheck) Run(_ context.Context, parsed *kong.Context, e *Env) error {
	failure := c.Resolve()
	if failure == nil {
		failure = app.CheckSettings(&c.Serve)
	}
	settings := config.Effective(parsed)
	if c.JSON {
		if err := e.printJSON(settings); err != nil {
			return err
		}
	} else if err := printSettings(e, settings); err != nil {
		return err
	}
	if unknown := config.Unknown(parsed); len(unknown) > 0 {
		e.progress(strings.Join(unknown, ", ") + ": no setting has this name, so it sets nothing")
	}
	if failure != nil {
		return &ExitError{1, failure}
	}
	e.progress("every value is usable")
	return nil
}

func printSettings(e *Env, settings []config.Setting) error {
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, s := range settings {
		value := oneLine(s.Value)
		if value == "" {
			value, s.From = "-", orDash(s)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Variable, value, s.From)
	}
	return w.Flush()
}

// orDash: what is not set comes from nowhere, but an empty value that was given does.
func orDash(s config.Setting) string {
	if s.From == "default" {
		return "-"
	}
	return s.From
}
