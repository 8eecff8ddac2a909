package app

import (
	"context"
	"log/slog"

	"sespan/internal/httpapi"
	"sespan/internal/tracing"
)

// contextHandler adds to each line what its context tells: the request's response id, and
// the trace. So no caller has to remember either, but to log with its context.
type contextHandler struct{ slog.Handler }

func newLogger(logger *slog.Logger) *slog.Logger { return slog.New(contextHandler{logger.Handler()}) }

// Handle implements slog.Handler.
func (h contextHandler) Handle(ctx context.Context, line slog.Record) error {
	line = line.Clone()
	httpapi.LogResponseID(ctx, &line)
	tracing.LogTrace(ctx, &line)
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
