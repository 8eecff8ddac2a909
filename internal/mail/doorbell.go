package mail

import (
	"context"
	"time"
)

const (
	shortestDoze = 2 * time.Millisecond
	longestDoze  = time.Second
)

// stayAwake raises the flag, or renews it in time.
func (w *Worker) stayAwake(ctx context.Context) error {
	now := w.Now()
	if !w.awake.IsZero() && now.Sub(w.awake) < awakeAgain {
		return nil
	}
	if err := w.Store.Awake(ctx, awakeFor); err != nil {
		return err
	}
	w.awake, w.safe = now, false
	return nil
}

// doze is the way to sleep: lower the flag, look for transactions that may have
// seen it up, then look into the queue. While there are such transactions it
// looks again and again, ever more slowly. When it leaves safe set, the bell can
// be trusted; else there is work.
func (w *Worker) doze(ctx context.Context) error {
	others, on, err := w.Store.Doze(ctx)
	if err != nil {
		return err
	}
	w.awake = time.Time{}
	for wait := shortestDoze; ; wait = min(2*wait, longestDoze) {
		rows, full, _, err := w.fetch(ctx, true)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case full || rows >= busyRows:
			return w.stayAwake(ctx)
		case others == 0 || !on:
			// A full worker may have raised the flag while it waited for room.
			w.safe = w.awake.IsZero()
			return nil
		}
		w.listen(ctx, wait)
		if others, err = w.Store.Others(ctx); err != nil {
			return err
		}
	}
}

// sleep waits for the bell, the next due row, the next sweep or the next poll.
func (w *Worker) sleep(ctx context.Context, rows int, swept bool) error {
	wait := w.PollDeaf
	if w.hears() {
		wait = w.Poll
	}
	wait = wait*3/4 + time.Duration(w.Jitter()*float64(wait)/2)
	due, known := w.due.in(w.Now())
	if rows == 0 || !known {
		next, err := w.Store.NextDue(ctx)
		if err != nil {
			return err
		}
		due = w.due.set(w.Now(), next)
	}
	wait = min(wait, due)
	if !swept {
		wait = min(wait, w.bounds.sweepNext.Sub(w.Now()))
	}
	w.listen(ctx, wait)
	return nil
}

// hears says whether an insert would be noticed.
func (w *Worker) hears() bool { return w.Bell != nil && w.Hears() && !w.silent.Load() }

// listen waits for the bell or an own retry, but no longer than d.
func (w *Worker) listen(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.Bell:
	case <-w.due.sooner:
	case <-timer.C:
	}
}
