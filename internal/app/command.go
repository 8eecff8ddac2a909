// Package app is the composition root: it builds the parts from the
// configuration, runs them and stops them in reverse order.
package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"

	"sespan/internal/config"
	"sespan/internal/httpapi"
)

// IO is where a command reads and writes.
type IO struct {
	Out     io.Writer
	Err     io.Writer
	Version string
}

// env is what every command works with.
type env struct {
	IO
	cli    *config.CLI
	logger *slog.Logger
}

// Command runs the command that the command line chose.
func Command(ctx context.Context, cli *config.CLI, name string, io IO) error {
	e := &env{IO: io, cli: cli, logger: newLogger(cli.Log, io.Err)}
	name = strings.TrimSpace(strings.Split(name, "<")[0])
	commands := map[string]func(context.Context) error{
		"init":           e.init,
		"serve":          e.serve,
		"migrate up":     e.migrateUp,
		"migrate down":   e.migrateDown,
		"migrate status": e.migrateStatus,
		"bind-customers": e.bind,
		"unbind":         e.unbind,
		"keys create":    e.keysCreate,
		"keys list":      e.keysList,
		"keys revoke":    e.keysRevoke,
		"doctor":         e.doctor,
		"openapi":        e.openapi,
		"inbox":          e.inbox,
		"demo":           e.demo,
	}
	maps.Copy(commands, e.mailCommands())
	run, ok := commands[name]
	if !ok {
		return fmt.Errorf("command %q is not known", name)
	}
	return run(ctx)
}

func newLogger(l config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // kong has checked the value
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// openapi prints the committed document; its version is the contract's, not the
// binary's, so that a build does not make it stale.
func (e *env) openapi(context.Context) error {
	enc := json.NewEncoder(e.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(httpapi.Spec("1"))
}
