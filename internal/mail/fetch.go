package mail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

const (
	busyRows        = 8 // a claim of so many rows: mails come fast
	busyPause       = 5 * time.Millisecond
	claimsInMemory  = 4                // of Bytes each: beyond so much content no more is claimed
	storeTimeout    = 10 * time.Second // for one call of the store
	longestReadWait = 10 * time.Second // between two tries to reach the queue
)

// fetched is what one claim brought.
type fetched struct {
	rows  int
	full  bool // a limit of the claim was reached: there may be more
	swept bool
}

// busy reports whether that many came that notifications are not worth their price.
func (f fetched) busy() bool { return f.full || f.rows >= busyRows }

// fetchLoop claims until ctx ends. While mails come fast it suppresses notifications
// and claims ahead of the senders; else it sleeps until it is notified, a retry is due
// or it is time to poll.
func (w *Worker) fetchLoop(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		err := w.fetchRound(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures++
			w.notifyReliable = false
			w.log.WarnContext(ctx, "mail: the queue cannot be read, waiting", "err", err, "failures", failures)
			w.pause(ctx, spread(min(time.Second<<min(failures, 3), longestReadWait), w.Jitter()))
		}
	}
}

// fetchRound claims once, then goes on, pauses or sleeps.
func (w *Worker) fetchRound(ctx context.Context) error {
	got, err := w.fetch(ctx, false)
	if err != nil {
		return err
	}
	if got.busy() {
		err = w.suppressNotify(ctx)
	}
	busy := w.stayBusy(got.rows)
	switch {
	case err != nil || got.full:
		return err
	case busy:
		w.pause(ctx, busyPause)
		return nil
	case !w.notifyReliable:
		return w.allowNotify(ctx)
	}
	return w.sleep(ctx, got)
}

// stayBusy reports whether mails come so fast that looking again costs less than their
// notifications. A single empty look says little: where many enqueue, notifications
// would be allowed and suppressed again, and each time all of them would notify.
func (w *Worker) stayBusy(rows int) bool {
	w.recentRows = min(w.recentRows*9/10+float64(rows), 10*busyRows)
	return rows >= busyRows || !w.suppressedAt.IsZero() && w.recentRows >= busyRows
}

// fetch waits for capacity, claims once, parks what is paused and hands the others to
// the senders.
func (w *Worker) fetch(ctx context.Context, sweep bool) (got fetched, err error) {
	capacity, err := w.awaitCapacity(ctx)
	if err != nil || capacity == 0 {
		return fetched{}, err
	}
	c := Claim{Token: w.Token(), Lease: w.Lease, Limit: capacity, Bytes: w.Bytes}
	begin := w.Now()
	got.swept = w.cursor.apply(&c, begin, sweep)
	rows, err := w.Store.Claim(ctx, c)
	if err != nil {
		return fetched{}, err
	}
	w.cursor.advance(c, rows, begin, w.Now(), got.swept)
	got.rows, got.full = len(rows), len(rows) >= c.Limit || bytesOf(rows) >= c.Bytes || dueOf(rows) >= c.DueLimit
	rows, err = w.parkPaused(ctx, rows)
	w.dispatch(rows, begin)
	return got, err
}

// dispatch hands claimed rows to the senders, urgent ones first.
func (w *Worker) dispatch(rows []Claimed, claimed time.Time) {
	slices.SortFunc(rows, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	w.leases.add(rows, claimed.Add(w.Lease))
	for i := range rows {
		rows[i].claimedAt = claimed
		w.jobs <- &rows[i] // never blocks: it holds more than awaitCapacity lets be claimed
	}
}

// awaitCapacity waits until the senders are about to run out and a relay serves, and
// answers how many rows to claim; 0 when ctx ended. A worker that must wait for long
// suppresses notifications, because inserts need not wake it, and notifies itself in
// case another one sleeps.
func (w *Worker) awaitCapacity(ctx context.Context) (int, error) {
	for ctx.Err() == nil {
		if rows := w.capacityWithin(ctx, suppressAgain); rows > 0 {
			return rows, nil
		}
		if err := errors.Join(w.suppressNotify(ctx), w.Store.Notify(ctx)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// capacityWithin waits no longer than d; then it answers 0.
func (w *Worker) capacityWithin(ctx context.Context, d time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		if rows := w.capacity(); rows > 0 {
			if w.Sender.Ready(ctx) != nil {
				return 0
			}
			return rows
		}
		select {
		case <-ctx.Done():
			return 0
		case <-w.leases.released:
		}
	}
}

// capacity is how many rows to claim now; 0 while the senders have enough.
func (w *Worker) capacity() int {
	target := w.prefetch.target(w.Connections, w.Batch)
	leases, bytes := w.leases.usage()
	if rows := 2*target - leases; rows >= target/2+1 && bytes < claimsInMemory*w.Bytes {
		return min(rows, w.Batch)
	}
	return 0
}

func (w *Worker) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
