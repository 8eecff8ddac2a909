package demo

import (
	"context"
	"fmt"
	"path/filepath"

	"sespan/internal/devtools/monitoring"
)

const prometheusPort = 9091 // its own default is that of the service's metrics

// startPrometheus starts the one that is installed, with the files that ship. It comes
// last: what has a port listens there already.
func (d *demo) startPrometheus(ctx context.Context) error {
	program := monitoring.Program(filepath.Dir(d.Source))
	if program == "" {
		d.console.line("\n      there is no Prometheus: apt-get install prometheus, or make .cache/bin/prometheus, and start again")
		return nil
	}
	port, err := freePort(prometheusPort, nil)
	if err != nil {
		return fmt.Errorf("Prometheus: %w", err) //nolint:staticcheck // a name
	}
	if port != prometheusPort {
		d.console.line(fmt.Sprintf("\n      port %d is busy: Prometheus takes %d", prometheusPort, port))
	}
	args, err := monitoring.Configure(d.path("prometheus"), address(d.ports.admin), address(port), 0)
	if err != nil {
		return err
	}
	d.ports.prometheus = port
	return d.start(ctx, command{name: "prometheus", args: append([]string{program}, args...)}, link(port, "/-/ready"))
}
