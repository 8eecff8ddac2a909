package cli

import (
	"context"
	"os"

	"sespan/internal/devtools/demo"
)

// Demo is the command demo.
type Demo struct {
	Dir      string `default:".demo" env:"SESPAN_DEMO_DIR" help:"Where the demonstration keeps its data."`
	Source   string `default:"django_bridge" help:"The folder of the Django bridge and its example shop."`
	Postgres string `default:"auto" enum:"auto,embedded,installed" env:"SESPAN_DEMO_POSTGRES" help:"auto, embedded or installed."`
	Reset    bool   `help:"Start anew: removes the data of earlier demonstrations."`
	Port     int    `default:"8000" help:"Port of the shop; the others follow it. A busy one is replaced and said so."`
}

// Run runs the demonstration until ctx ends.
func (c *Demo) Run(ctx context.Context, e *Env) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Dir: c.Dir, Source: c.Source, Postgres: c.Postgres, Reset: c.Reset, Port: c.Port, Binary: binary, Out: e.Out,
	})
}
