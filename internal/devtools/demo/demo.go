// Package demo runs the whole of Sespan on one machine for a person to try: a
// PostgreSQL of its own, the development inbox, `sespan serve` and the example
// shop. It sets up what is missing, keeps its data in one folder, and stops
// everything when its context ends:
//
//	python environment ─▶ database ─▶ shop's tables ─▶ sespan init ─▶ inbox ─▶ serve ─▶ shop (─▶ Prometheus)
//
// Each part is the real program with the settings that a site would give it.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sespan/internal/devtools/devdb"
)

// Options of a demonstration; the tags make them flags.
type Options struct {
	Dir        string    `default:".demo" env:"SESPAN_DEMO_DIR" help:"Where the demonstration keeps its data, logs and Python environment."`
	Source     string    `default:"django_bridge" help:"The folder of the Django bridge and its example shop."`
	Sespan     string    `placeholder:"FILE" env:"SESPAN_BIN" help:"The program to demonstrate; the sespan beside this one by default."`
	Postgres   string    `default:"auto" enum:"auto,embedded,installed" env:"SESPAN_DEMO_POSTGRES" help:"auto, embedded or installed."`
	Reset      bool      `help:"Start again: removes the data of earlier demonstrations."`
	History    bool      `default:"true" negatable:"" help:"Fill in ten weeks of made-up history, marked demo-… and DEMO-…, when there is none."`
	Monitoring bool      `help:"Start a Prometheus too, where one is installed, with the rules and alerts of grafana/prometheus."`
	Port       int       `default:"8000" help:"Port of the shop; the others follow it. A busy one is replaced and said so."`
	Out        io.Writer `kong:"-"`
}

// demo is one run.
type demo struct {
	Options
	console  *console
	state    *state
	ports    ports
	database *database
	children []*child
}

// Run sets up, starts and waits until ctx ends; then it stops everything. The
// error is a sentence for a person.
func Run(ctx context.Context, o Options) error {
	d := &demo{Options: o, console: newConsole(o.Out)}
	if err := d.locate(); err != nil {
		return err
	}
	defer d.stop()
	type step struct {
		title string
		run   func(context.Context) error
	}
	steps := []step{
		{"Python environment", d.preparePython},
		{"PostgreSQL", d.startDatabase},
		{"shop: tables, products, staff", d.prepareShop},
		{"Sespan: schema, customers, service key", d.prepareSespan},
		{"mail inbox", d.startInbox},
		{"sespan serve", d.startServe},
		{"tiers and history", d.seedHistory},
		{"shop", d.startShop},
	}
	if d.Monitoring {
		steps = append(steps, step{"Prometheus", d.startPrometheus})
	}
	for i, s := range steps {
		err := d.console.step(ctx, fmt.Sprintf("[%d/%d] %s", i+1, len(steps), s.title), s.run)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	d.summary()
	return d.wait(ctx)
}

// locate finds the folders and the ports and loads what earlier runs have left.
func (d *demo) locate() error {
	var err error
	if d.Source, err = filepath.Abs(d.Source); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.Source, "example", "manage.py")); err != nil {
		return fmt.Errorf("there is no example shop in %s: run the demo in a checkout of Sespan, or name its folder django_bridge with --source", d.Source)
	}
	if d.Sespan, err = findSespan(d.Sespan); err != nil {
		return err
	}
	if d.Dir, err = filepath.Abs(d.Dir); err != nil {
		return err
	}
	if d.Reset {
		if err := d.reset(); err != nil {
			return err
		}
	}
	for _, dir := range []string{d.Dir, d.path("log")} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the database's own user passes through it; the secrets in it are 0600
			return fmt.Errorf("the folder of the demonstration: %w", err)
		}
	}
	if d.state, err = loadState(d.path("state.json")); err != nil {
		return err
	}
	d.ports, err = choosePorts(d.Port, d.console.line)
	return err
}

// findSespan gives the program to demonstrate: the one that was named, or the one in
// the folder of this program.
func findSespan(named string) (string, error) {
	if named == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		named = filepath.Join(filepath.Dir(self), "sespan")
	}
	path, err := filepath.Abs(named)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", fmt.Errorf("there is no sespan at %s: build it with make build, or name it with --sespan", path)
	}
	return path, nil
}

func (d *demo) path(name string) string { return filepath.Join(d.Dir, name) }

// reset removes the data but not the Python environment, which holds none.
func (d *demo) reset() error {
	data, _, err := devdb.Folder(d.path("postgres"))
	if err != nil {
		return err
	}
	for _, dir := range []string{data, d.path("state.json"), d.path("shop.stamp"), d.path("service.key"), d.path("admin.key"), d.path("serve.env"), d.path("checkout.pem"), d.path("checkout.pem.jwks.json"), d.path("prometheus")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when ctx ends or one of the programs does.
func (d *demo) wait(ctx context.Context) error {
	ended := make(chan *child, len(d.children))
	for _, c := range d.children {
		go func() {
			<-c.done
			ended <- c
		}()
	}
	select {
	case <-ctx.Done():
		d.console.line("\nstopping…")
		return nil
	case c := <-ended:
		return c.failure()
	}
}

// stop ends the programs in the reverse order of their start, then the database.
func (d *demo) stop() {
	for i := len(d.children) - 1; i >= 0; i-- {
		d.children[i].stop()
	}
	if d.database != nil {
		if err := d.database.stop(); err != nil {
			d.console.line("the database: " + err.Error())
		}
	}
}

const readyWithin = 60 * time.Second
