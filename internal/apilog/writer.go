package apilog

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"sespan/internal/problem"
)

// writer flushes batches: it retries while the database is unavailable for a short
// time and finds the row that makes a batch fail.
type writer struct {
	store   Store
	metrics *metrics
	logger  *slog.Logger
	failed  atomic.Bool // the last flush found no database: the next one gets less time
	closing atomic.Bool
}

// flush gives one error, or nil, per entry.
func (w *writer) flush(entries []Entry) ([]error, error) {
	timeout := flushTimeout
	if w.failed.Load() || w.closing.Load() {
		timeout = shortFlushTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	results := make([]error, len(entries))
	w.failed.Store(w.insert(ctx, entries, results))
	return results, nil
}

// insert writes the entries, or in halves when the database refuses one of them,
// and tells whether the database was unavailable.
func (w *writer) insert(ctx context.Context, entries []Entry, results []error) (unavailable bool) {
	err := w.insertRetrying(ctx, entries)
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
		results[0] = w.insertBare(ctx, entries[0], err)
		return false
	}
	half := len(entries) / 2
	unavailable = w.insert(ctx, entries[:half], results[:half])
	return w.insert(ctx, entries[half:], results[half:]) || unavailable
}

// insertBare stores a refused row without headers and bodies, so that the call is
// logged at all. It gives the reason of the refusal if even that fails.
func (w *writer) insertBare(ctx context.Context, e Entry, reason error) error {
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

// insertRetrying repeats an insert while the database is unavailable and ctx lasts.
// That is safe: rows that were committed the first time are skipped by their key. A
// process that ends is not delayed for long.
func (w *writer) insertRetrying(ctx context.Context, entries []Entry) error {
	begun, delay := time.Now(), 5*time.Millisecond
	for {
		_, err := w.store.Insert(ctx, entries)
		if err == nil || !transient(err) || w.closing.Load() && time.Since(begun) > shortFlushTimeout {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		delay = min(2*delay, 500*time.Millisecond)
	}
}

func transient(err error) bool {
	return problem.SlugOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded)
}
