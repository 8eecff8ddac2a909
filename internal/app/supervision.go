package app

import (
	"context"
	"time"

	"sespan/internal/systemd"
)

// startSupervision tells systemd that the process serves, and while it lives. It says
// that it lives only after its own admin port has answered: a process that holds its
// socket and does nothing else is started anew.
func (a *App) startSupervision(ctx context.Context) {
	a.tell(ctx, systemd.Ready, "serves")
	every := a.supervisor.Watchdog() / 3
	if every <= 0 {
		return
	}
	a.lifecycle.start("watchdog", func(ctx context.Context) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if _, err := Probe(ctx, a.adminAddr, Livez); err == nil {
				a.tell(ctx, systemd.Alive, "")
			} else if ctx.Err() == nil {
				a.logger.Error("the admin port does not answer; systemd is not told that the process lives", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// tell logs what systemd did not take: the process serves all the same.
func (a *App) tell(ctx context.Context, state, status string) {
	if err := a.supervisor.Send(ctx, state, status); err != nil && ctx.Err() == nil {
		a.logger.Warn("systemd was not told", "error", err)
	}
}
