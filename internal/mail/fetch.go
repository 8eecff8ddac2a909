package mail

import (
	"cmp"
	"context"
	"slices"
	"time"
)

const (
	suppressFor   = 3 * time.Second // a worker that dies mutes the bell for so long
	suppressAgain = time.Second
	busyRows      = 8 // a claim of so many is a rush: stop the ringing
	pace          = 5 * time.Millisecond
	mostClaims    = 4                // of Bytes each: so much content is held at most, and one claim
	storeWait     = 10 * time.Second // for one call of the store
)

// fetchLoop claims until ctx ends. While there is a rush it keeps the flag of the
// doorbell up and claims ahead of the senders; else it sleeps until the bell
// rings, a retry is due or it is time to poll.
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
			w.pause(ctx, spread(min(time.Second<<min(failures, 3), 10*time.Second), w.Jitter()))
		}
	}
}

// fetchRound is one round: fetch what there is, then go on, pause or sleep.
func (w *Worker) fetchRound(ctx context.Context) error {
	rows, full, swept, err := w.fetch(ctx, false)
	if err != nil {
		return err
	}
	if full || rows >= busyRows {
		err = w.suppressNotify(ctx)
	}
	busy := w.busy(rows)
	switch {
	case err != nil || full:
		return err
	case busy:
		w.pause(ctx, pace)
		return nil
	case !w.notifyReliable:
		return w.allowNotify(ctx)
	}
	return w.sleep(ctx, rows, swept)
}

// busy says whether mails come so fast that looking again costs less than their
// bells. A single empty look says little: where many enqueue, the flag would go
// down and up again, and each time all of them ring at once.
func (w *Worker) busy(rows int) bool {
	w.recentRows = min(w.recentRows*9/10+float64(rows), 10*busyRows)
	return rows >= busyRows || !w.suppressedAt.IsZero() && w.recentRows >= busyRows
}

// fetch waits for room, claims once and hands the rows to the senders.
func (w *Worker) fetch(ctx context.Context, sweep bool) (rows int, full, swept bool, err error) {
	room, err := w.awaitCapacity(ctx)
	if err != nil || room == 0 {
		return 0, false, false, err
	}
	c := Claim{Token: w.Token(), Lease: w.Lease, Limit: room, Bytes: w.Bytes}
	begin := w.Now()
	swept = w.cursor.apply(&c, begin, sweep)
	got, err := w.Store.Claim(ctx, c)
	if err != nil {
		return 0, false, false, err
	}
	w.cursor.note(c, got, begin, w.Now(), swept)
	rows, full = len(got), len(got) >= c.Limit || bytesOf(got) >= c.Bytes || dueFull(c, got)
	got, err = w.park(ctx, got)
	w.dispatch(got, begin)
	return rows, full, swept, err
}

func dueFull(c Claim, rows []Claimed) bool {
	due := 0
	for i := range rows {
		if !rows[i].Fresh {
			due++
		}
	}
	return due >= c.DueLimit
}

// dispatch puts claimed rows before the senders, urgent ones first.
func (w *Worker) dispatch(rows []Claimed, begin time.Time) {
	slices.SortFunc(rows, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	w.leases.add(rows, begin.Add(w.Lease))
	for i := range rows {
		rows[i].at = begin
		w.jobs <- &rows[i] // has room: see the capacity and room
	}
}

// awaitCapacity waits until the senders are about to run out and says how many rows to
// claim. A worker that is full keeps the flag up, because inserts need not ring
// for it, and rings itself in case a neighbour sleeps.
func (w *Worker) awaitCapacity(ctx context.Context) (int, error) {
	for {
		target := w.prefetch.target(w.Connections, w.Batch)
		held, _ := w.leases.count()
		if want := 2*target - held; want >= target/2+1 && w.leases.content() < mostClaims*w.Bytes {
			return min(want, w.Batch), nil
		}
		timer := time.NewTimer(suppressAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, nil
		case <-w.leases.freed:
			timer.Stop()
		case <-timer.C:
			if err := w.suppressNotify(ctx); err != nil {
				return 0, err
			}
			if err := w.Store.Notify(ctx); err != nil {
				return 0, err
			}
		}
	}
}

func (w *Worker) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
