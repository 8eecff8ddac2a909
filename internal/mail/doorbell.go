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
func (d *databaseDispatcher) suppressNotify(ctx context.Context) error {
	now := d.w.Now()
	if !d.suppressedAt.IsZero() && now.Sub(d.suppressedAt) < suppressAgain {
		return nil
	}
	if err := d.w.Store.SuppressNotify(ctx, suppressFor); err != nil {
		return err
	}
	d.suppressedAt, d.notifyReliable = now, false
	return nil
}

// allowNotify is the way to sleep: let inserts notify again, count the transactions
// that may not have noticed, then look into the queue. While there are such
// transactions it looks again and again, ever more slowly. When it leaves
// notifyReliable set, the worker may sleep until it is notified; else there is work.
func (d *databaseDispatcher) allowNotify(ctx context.Context) error {
	inserters, on, err := d.w.Store.AllowNotify(ctx)
	if err != nil {
		return err
	}
	d.suppressedAt = time.Time{}
	for wait := shortestRecheck; ; wait = min(2*wait, longestRecheck) {
		got, err := d.fetch(ctx, true)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case got.busy():
			return d.suppressNotify(ctx)
		case inserters == 0 || !on:
			// While it waited for capacity, fetch may have suppressed notifications.
			d.notifyReliable = d.suppressedAt.IsZero()
			return nil
		}
		d.awaitNotify(ctx, wait)
		if inserters, err = d.w.Store.OpenInserters(ctx); err != nil {
			return err
		}
	}
}

// sleep waits for a notification, the next due row, the next sweep or the next poll.
func (d *databaseDispatcher) sleep(ctx context.Context, last fetched) error {
	wait := d.w.PollWithoutNotify
	if d.w.notificationsWork() {
		wait = d.w.Poll
	}
	wait = wait*3/4 + time.Duration(d.w.Jitter()*float64(wait)/2)
	due, known := d.w.nextDue.in(d.w.Now())
	if last.rows == 0 || !known {
		next, err := d.w.Store.NextDue(ctx)
		if err != nil {
			return err
		}
		due = d.w.nextDue.set(d.w.Now(), next)
	}
	wait = min(wait, due)
	if !last.swept {
		wait = min(wait, d.cursor.nextSweep.Sub(d.w.Now()))
	}
	d.awaitNotify(ctx, wait)
	return nil
}

// awaitNotify waits for a notification or a retry of this worker, but no longer than that.
func (d *databaseDispatcher) awaitNotify(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-d.w.Notifications:
	case <-d.w.nextDue.sooner:
	case <-timer.C:
	}
}

// notificationsWork reports whether an insert would wake this worker.
func (w *Worker) notificationsWork() bool {
	return w.Notifications != nil && w.Listening() && !w.triggerOff.Load()
}

// Leave lets inserts wake whoever sleeps.
func (d *databaseDispatcher) Leave(ctx context.Context) error {
	if d.suppressedAt.IsZero() {
		return nil
	}
	d.suppressedAt, d.notifyReliable = time.Time{}, false
	_, _, err := d.w.Store.AllowNotify(ctx)
	return err
}
