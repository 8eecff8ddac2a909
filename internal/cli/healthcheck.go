package cli

import (
	"context"
	"fmt"

	"sespan/internal/app"
	"sespan/internal/config"
)

// Healthcheck is the command healthcheck.
type Healthcheck struct {
	EnvFile   config.EnvFile `name:"env-file" placeholder:"FILE" help:"Read SESPAN_ADMIN_ADDR from this file, as serve does; the flag and the environment win over it."`
	AdminAddr string         `name:"admin-addr" default:"127.0.0.1:9090" env:"SESPAN_ADMIN_ADDR" help:"Where the process has its admin port."`
	Live      bool           `name:"live" help:"Ask only whether it lives: a process whose database is away lives, and cannot serve."`
}

// Run asks once, and fails with what is wrong.
func (h *Healthcheck) Run(ctx context.Context, e *Env) error {
	question := app.Readyz
	if h.Live {
		question = app.Livez
	}
	status, err := app.Probe(ctx, h.AdminAddr, question)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Out, status)
	return err
}
