package rabbitmq

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
	// settled is how long a connection must have stood for the next one to be tried at once.
	settled = 5 * time.Second
)

// keep calls once, which connects, serves, and says whether it came to serve and why it ended, until ctx ends. It tells
// failed of each end but that of a connection which has stood: the next one is worth waiting for.
func keep(ctx context.Context, log *slog.Logger, once func(context.Context) (bool, error), failed func(error)) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		stood, err := once(ctx)
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelDebug // one warning is enough
		if stood && time.Since(began) >= settled {
			failures = 0
		} else {
			failed(err)
		}
		if failures == 0 {
			level = slog.LevelWarn
		}
		log.Log(ctx, level, "rabbitmq: no connection, trying again", "err", err)
		pause(ctx, backoff(failures))
	}
}

// backoff doubles, with half of it left to chance: many processes lose a broker at once.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return time.Duration(rand.Int64N(int64(firstPause))) //nolint:gosec // not a secret
	}
	d := min(firstPause<<min(failures, 6), lastPause)
	return d/2 + time.Duration(rand.Int64N(int64(d)/2+1)) //nolint:gosec // not a secret
}
