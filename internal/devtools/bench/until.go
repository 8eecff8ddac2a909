package main

import (
	"context"
	"time"
)

// until asks at once and then every so often whether something is so, and gives the
// question's error, or that of ctx when it ends first.
func until(ctx context.Context, every time.Duration, so func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if yes, err := so(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// running gives errEnded where the program has ended: nothing more will be so.
func running(done <-chan struct{}) error {
	select {
	case <-done:
		return errEnded
	default:
		return nil
	}
}
