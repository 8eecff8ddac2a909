package mail

import (
	"context"
	"errors"
	"time"
)

const (
	busyRows    = 8 // a claim of so many rows: mails come fast
	busyPause   = 5 * time.Millisecond
	urgentEvery = 50 * time.Millisecond // between two looks for mails that pass
)

// fetched is what one claim brought.
type fetched struct {
	rows  int
	full  bool // a limit of the claim was reached: there may be more
	swept bool
}

// busy reports whether that many came that notifications are not worth their price.
func (f fetched) busy() bool { return f.full || f.rows >= busyRows }

// databaseDispatcher asks the queue itself. It belongs to one goroutine.
type databaseDispatcher struct {
	w      *Worker
	cursor scanCursor
	bell   doorbell
}

func newDatabaseDispatcher(w *Worker) *databaseDispatcher {
	d := &databaseDispatcher{w: w, cursor: scanCursor{sweepPause: w.SweepInterval}}
	d.bell = doorbell{store: w.Store, now: w.Now, await: d.awaitNotify}
	return d
}

// Dispatch claims until ctx ends. While mails come fast it suppresses notifications
// and claims ahead of the senders; else it sleeps until it is notified, a retry is due
// or it is time to poll.
func (d *databaseDispatcher) Dispatch(ctx context.Context) {
	d.w.retrying(ctx, "mail: the queue cannot be read, waiting", func(ctx context.Context) error {
		err := d.fetchRound(ctx)
		if err != nil {
			d.bell.reliable = false
		}
		return err
	})
}

// fetchRound claims once, then goes on, pauses or sleeps.
func (d *databaseDispatcher) fetchRound(ctx context.Context) error {
	got, err := d.fetch(ctx, false)
	if err != nil {
		return err
	}
	if got.busy() {
		err = d.bell.suppress(ctx)
	}
	busy := d.bell.stayBusy(got.rows)
	switch {
	case err != nil || got.full:
		return err
	case busy:
		d.w.pause(ctx, busyPause)
		return nil
	case !d.bell.reliable:
		return d.bell.allow(ctx, func(ctx context.Context) (bool, error) {
			got, err := d.fetch(ctx, true)
			return got.busy(), err
		})
	}
	return d.sleep(ctx, got)
}

// fetch waits for capacity and claims once.
func (d *databaseDispatcher) fetch(ctx context.Context, sweep bool) (got fetched, err error) {
	capacity, err := d.awaitCapacity(ctx)
	if err != nil || capacity == 0 {
		return fetched{}, err
	}
	return d.claim(ctx, Claim{Limit: capacity}, sweep)
}

// fetchUrgent claims what may pass the mails that the senders have yet to send.
func (d *databaseDispatcher) fetchUrgent(ctx context.Context) error {
	for p := d.w.leases.leastUrgent(); p > 0; p-- {
		rows := d.w.capacity(p - 1)
		if rows == 0 {
			continue
		}
		if !d.w.relayServes(ctx) {
			return nil
		}
		_, err := d.claim(ctx, Claim{Limit: rows, Passing: p}, false)
		return err
	}
	return nil
}

// claim claims once, parks what is paused and hands the others to the senders.
func (d *databaseDispatcher) claim(ctx context.Context, c Claim, sweep bool) (got fetched, err error) {
	c.Token, c.Lease, c.Bytes = d.w.Token(), d.w.Lease, d.w.Bytes
	begin := d.w.Now()
	got.swept = d.cursor.apply(&c, begin, sweep)
	claiming, cancel := outlasting(ctx)
	defer cancel()
	rows, err := d.w.Store.Claim(claiming, c)
	if err != nil {
		return fetched{}, err
	}
	d.cursor.advance(c, rows, begin, d.w.Now(), got.swept)
	got.rows, got.full = len(rows), len(rows) >= c.Limit || bytesOf(rows) >= c.Bytes || dueOf(rows) >= c.DueLimit
	rows, err = d.w.parkPaused(claiming, rows)
	d.w.accept(rows, begin)
	return got, err
}

// awaitCapacity waits until the senders are about to run out and a relay serves, and
// answers how many rows to claim; 0 when ctx ended. Meanwhile it looks for mails that
// may pass. A worker that must wait for long suppresses notifications, because inserts
// need not wake it, and notifies itself in case another one sleeps.
func (d *databaseDispatcher) awaitCapacity(ctx context.Context) (int, error) {
	for begin := d.w.Now(); ctx.Err() == nil; {
		if rows := d.w.capacityWithin(ctx, urgentEvery); rows > 0 {
			return rows, nil
		}
		if err := d.fetchUrgent(ctx); err != nil {
			return 0, err
		}
		now := d.w.Now()
		if now.Sub(begin) < suppressAgain {
			continue
		}
		begin = now
		if err := errors.Join(d.bell.suppress(ctx), d.w.Store.Notify(ctx)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// sleep waits for a notification, the next due row, the next sweep or the next poll.
func (d *databaseDispatcher) sleep(ctx context.Context, last fetched) error {
	wait := d.w.PollWithoutNotify
	if d.w.notificationsWork() {
		wait = d.w.Poll
	}
	wait = wait*3/4 + time.Duration(d.w.Jitter()*float64(wait)/2)
	due, err := d.w.nextDue.until(ctx, d.w.Store, d.w.Now, last.rows == 0)
	if err != nil {
		return err
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
func (d *databaseDispatcher) Leave(ctx context.Context) error { return d.bell.leave(ctx) }
