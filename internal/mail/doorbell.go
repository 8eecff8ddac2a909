package mail

import (
	"context"
	"time"
)

const (
	shortestRecheck = 2 * time.Millisecond
	longestRecheck  = time.Second
)

// suppressNotify raises the flag, or renews it in time.
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

// doze is the way to sleep: lower the flag, look for transactions that may have
// seen it up, then look into the queue. While there are such transactions it
// looks again and again, ever more slowly. When it leaves safe set, the bell can
// be trusted; else there is work.
func (w *Worker) allowNotify(ctx context.Context) error {
	others, on, err := w.Store.AllowNotify(ctx)
	if err != nil {
		return err
	}
	w.suppressedAt = time.Time{}
	for wait := shortestRecheck; ; wait = min(2*wait, longestRecheck) {
		rows, full, _, err := w.fetch(ctx, true)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case full || rows >= busyRows:
			return w.suppressNotify(ctx)
		case others == 0 || !on:
			// A full worker may have raised the flag while it waited for room.
			w.notifyReliable = w.suppressedAt.IsZero()
			return nil
		}
		w.listen(ctx, wait)
		if others, err = w.Store.OpenInserters(ctx); err != nil {
			return err
		}
	}
}

// sleep waits for the bell, the next due row, the next sweep or the next poll.
func (w *Worker) sleep(ctx context.Context, rows int, swept bool) error {
	wait := w.PollWithoutNotify
	if w.notificationsWork() {
		wait = w.Poll
	}
	wait = wait*3/4 + time.Duration(w.Jitter()*float64(wait)/2)
	due, known := w.nextDue.in(w.Now())
	if rows == 0 || !known {
		next, err := w.Store.NextDue(ctx)
		if err != nil {
			return err
		}
		due = w.nextDue.set(w.Now(), next)
	}
	wait = min(wait, due)
	if !swept {
		wait = min(wait, w.cursor.sweepNext.Sub(w.Now()))
	}
	w.listen(ctx, wait)
	return nil
}

// hears says whether an insert would be noticed.
func (w *Worker) notificationsWork() bool {
	return w.Bell != nil && w.NotificationsWork() && !w.triggerOff.Load()
}

// listen waits for the bell or an own retry, but no longer than d.
func (w *Worker) listen(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.Bell:
	case <-w.nextDue.sooner:
	case <-timer.C:
	}
}
