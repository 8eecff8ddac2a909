package cli

import (
	"context"
	"os"
	"runtime/debug"

	"sespan/internal/app"
	"sespan/internal/config"
	"sespan/internal/systemd"
)

// Serve is the command serve.
type Serve struct{ config.Serve }

// Run runs the service until ctx ends.
func (s *Serve) Run(ctx context.Context, e *Env) error {
	if err := s.Resolve(); err != nil {
		return err
	}
	// Requests and mails leave much garbage and little that lives on: a quarter of
	// the collections, for some tens of megabytes.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	supervisor, err := systemd.FromEnvironment(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	return app.New(app.Options{Settings: &s.Serve, Logger: e.logger, Version: e.Version, Supervisor: supervisor}).Run(ctx)
}
