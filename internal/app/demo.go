package app

import (
	"context"
	"os"

	"sespan/internal/devtools/demo"
)

func (e *env) demo(ctx context.Context) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	c := e.cli.Demo
	return demo.Run(ctx, demo.Options{
		Dir: c.Dir, Source: c.Source, Postgres: c.Postgres, Reset: c.Reset, Port: c.Port, Binary: binary, Out: e.Out,
	})
}
