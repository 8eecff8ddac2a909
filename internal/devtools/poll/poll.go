// Package poll waits for what sends no signal: another process, a database.
package poll

import (
	"context"
	"time"
)

// Until calls ready at once and then every so often until it is true. It gives the
// error of ready, or that of ctx when it ends first.
func Until(ctx context.Context, every time.Duration, ready func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
