package app

import (
	"context"
	"errors"

	"sespan/internal/config"
	"sespan/internal/tracing"
)

// startTracing comes first, so that it ends last: with the spans of all others.
func (a *App) startTracing(ctx context.Context) error {
	t, err := tracing.Open(ctx, tracing.Options{Version: a.version, Logger: a.logger, Registerer: a.registry})
	if wrong, ok := errors.AsType[*tracing.SettingError](err); ok {
		return &config.Error{Variable: wrong.Variable, Problem: wrong.Problem, Hint: wrong.Hint}
	}
	if err != nil || t == nil {
		return err
	}
	a.tracing = t
	a.lifecycle.onStop("tracing", func() {
		if err := t.Close(); err != nil {
			a.logger.Warn("tracing", "error", err)
		}
	})
	return nil
}
