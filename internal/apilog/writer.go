package apilog

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"sespan/internal/problem"
)

// writer flushes batches: it outlasts a short absence of the database and finds
// the row that makes a batch fail.
type writer struct {
	store   Store
	metrics *metrics
	logger  *slog.Logger
	failed  atomic.Bool // the last flush found no database: the next one is hasty
	closing atomic.Bool
}

// flush gives one error, or nil, per entry.
func (w *writer) flush(entries []Entry) ([]error, error) {
	patience := healthyFlush
	if w.failed.Load() || w.closing.Load() {
		patience = hastyFlush
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results := make([]error, len(entries))
	w.failed.Store(w.insert(ctx, entries, results))
	return results, nil
}

// insert writes the entries, or in halves when the database refuses one of them,
// and tells whether the database was away.
func (w *writer) insert(ctx context.Context, entries []Entry, results []error) (away bool) {
	err := w.persist(ctx, entries)
	switch {
	case err == nil:
		w.metrics.count(eventWritten, len(entries))
		return false
	case transient(err):
		w.metrics.count(eventLost, len(entries))
		for i := range results {
			results[i] = err
		}
		w.logger.Error("api log: rows were lost", "rows", len(entries), "error", err)
		return true
	case len(entries) == 1:
		results[0] = w.bare(ctx, entries[0], err)
		return false
	}
	half := len(entries) / 2
	away = w.insert(ctx, entries[:half], results[:half])
	return w.insert(ctx, entries[half:], results[half:]) || away
}

// bare stores a refused row without headers and bodies, so that the call at least
// left its trace. It gives the reason of the refusal if even that fails.
func (w *writer) bare(ctx context.Context, e Entry, reason error) error {
	w.metrics.count(eventRefused, 1)
	w.logger.Error("api log: the database refused a row", "response_id", e.ResponseID.String(), "error", reason)
	e.RequestHeader, e.ResponseHeader = Header{}, Header{}
	e.RequestBody, e.ResponseBody = Body{"[refused by the database]"}, Body{"[refused by the database]"}
	e.StatusDetails = clean(e.StatusDetails)
	if _, err := w.store.Insert(ctx, []Entry{e}); err != nil {
		return errors.Join(reason, err)
	}
	return nil
}

// persist repeats an insert while the database is away and ctx lasts. It may do
// so: rows that came through the first time are skipped by their key. A process
// that ends is not held up for long.
func (w *writer) persist(ctx context.Context, entries []Entry) error {
	begun, pause := time.Now(), 5*time.Millisecond
	for {
		_, err := w.store.Insert(ctx, entries)
		if err == nil || !transient(err) || w.closing.Load() && time.Since(begun) > hastyFlush {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

func transient(err error) bool {
	return problem.SlugOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded)
}
