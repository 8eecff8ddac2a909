package mail

import (
	"context"
	"time"
)

const (
	suppressFor     = 3 * time.Second // a worker that dies keeps inserts silent for so long
	suppressAgain   = time.Second
	shortestRecheck = 2 * time.Millisecond
	longestRecheck  = time.Second
)

// suppressNotify keeps inserts from notifying, and renews that in time.
func (w *Worker) suppressNotify(ctx context.Context) error {
	now := w.Now()
	if !w.suppressedAt.IsZero() && now.Sub(w.suppressedAt) < suppressAgain {
		return nil
	}
	if err := w.Store.SuppressNotify(ctx, suppressFor); err != nil {
		return err
	}
	w.suppressedAt, w.notifyReliable = now, false
	return nil
}

// allowNotify is the way to sleep: let inserts notify again, count the transactions
// that may not have noticed, then look into the queue. While there are such
// transactions it looks again and again, ever more slowly. When it leaves
// notifyReliable set, the worker may sleep until it is notified; else there is work.
func (w *Worker) allowNotify(ctx context.Context) error {
	inserters, on, err := w.Store.AllowNotify(ctx)
	if err != nil {
		return err
	}
	w.suppressedAt = time.Time{}
	for wait := shortestRecheck; ; wait = min(2*wait, longestRecheck) {
		got, err := w.fetch(ctx, true)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case got.busy():
			return w.suppressNotify(ctx)
		case inserters == 0 || !on:
			// While it waited for capacity, fetch may have suppressed notifications.
			w.notifyReliable = w.suppressedAt.IsZero()
			return nil
		}
		w.awaitNotify(ctx, wait)
		if inserters, err = w.Store.OpenInserters(ctx); err != nil {
			return err
		}
	}
}

// sleep waits for a notification, the next due row, the next sweep or the next poll.
func (w *Worker) sleep(ctx context.Context, last fetched) error {
	wait := w.PollWithoutNotify
	if w.notificationsWork() {
		wait = w.Poll
	}
	wait = wait*3/4 + time.Duration(w.Jitter()*float64(wait)/2)
	due, known := w.nextDue.in(w.Now())
	if last.rows == 0 || !known {
		next, err := w.Store.NextDue(ctx)
		if err != nil {
			return err
		}
		due = w.nextDue.set(w.Now(), next)
	}
	wait = min(wait, due)
	if !last.swept {
		wait = min(wait, w.cursor.nextSweep.Sub(w.Now()))
	}
	w.awaitNotify(ctx, wait)
	return nil
}

// notificationsWork reports whether an insert would wake this worker.
func (w *Worker) notificationsWork() bool {
	return w.Notifications != nil && w.Listening() && !w.triggerOff.Load()
}

// awaitNotify waits for a notification or a retry of this worker, but no longer than d.
func (w *Worker) awaitNotify(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.Notifications:
	case <-w.nextDue.sooner:
	case <-timer.C:
	}
}
