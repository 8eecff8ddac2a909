package config

import (
	"io"
	"log/slog"
)

// Log says how to log; the log goes to standard error.
type Log struct {
	Level  string `enum:"debug,info,warn,error" default:"info" group:"Process" env:"SESPAN_LOG_LEVEL" help:"debug, info, warn or error."`
	Format string `enum:"text,json" default:"text" group:"Process" env:"SESPAN_LOG_FORMAT" help:"text or json."`
}

// Logger writes as the settings say.
func (l Log) Logger(w io.Writer) *slog.Logger {
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
