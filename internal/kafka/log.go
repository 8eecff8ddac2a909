package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warnEvery is how often the same warning is one; between, it is of the level debug.
const warnEvery = time.Minute

// quiet remembers what was warned of.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (q *quiet) level(text string) slog.Level {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.last[text]) < warnEvery || len(q.last) > 1000 {
		return slog.LevelDebug
	}
	q.last[text] = time.Now()
	return slog.LevelWarn
}

// first tells whether something is said for the first time.
func (q *quiet) first(text string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, said := q.last[text]
	q.last[text] = time.Now()
	return !said
}

// warn logs once a minute what would fill the log.
func (b *Broker) warn(ctx context.Context, message string, err error) {
	if err == nil {
		b.log.Log(ctx, b.quiet.level(message), message)
		return
	}
	b.log.Log(ctx, b.quiet.level(message+err.Error()), message, "err", err)
}
