package mail

import (
	"cmp"
	"context"
	"slices"
	"time"
)

const (
	awakeFor   = 3 * time.Second // a worker that dies mutes the bell for so long
	awakeAgain = time.Second
	busyRows   = 8 // a claim of so many is a rush: stop the ringing
	pace       = 5 * time.Millisecond
	mostClaims = 4                // of Bytes each: so much content is held at most, and one claim
	storeWait  = 10 * time.Second // for one call of the store
)

// pull claims until ctx ends. While there is a rush it keeps the flag of the
// doorbell up and claims ahead of the senders; else it sleeps until the bell
// rings, a retry is due or it is time to poll.
func (w *Worker) pull(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		err := w.pullOnce(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures++
			w.safe = false
			w.log.WarnContext(ctx, "mail: the queue cannot be read, waiting", "err", err, "failures", failures)
			w.pause(ctx, spread(min(time.Second<<min(failures, 3), 10*time.Second), w.Jitter()))
		}
	}
}

// pullOnce is one round: fetch what there is, then go on, pause or sleep.
func (w *Worker) pullOnce(ctx context.Context) error {
	rows, full, swept, err := w.fetch(ctx, false)
	if err != nil {
		return err
	}
	if full || rows >= busyRows {
		err = w.stayAwake(ctx)
	}
	rushing := w.rushing(rows)
	switch {
	case err != nil || full:
		return err
	case rushing:
		w.pause(ctx, pace)
		return nil
	case !w.safe:
		return w.doze(ctx)
	}
	return w.sleep(ctx, rows, swept)
}

// rushing says whether mails come so fast that looking again costs less than their
// bells. A single empty look says little: where many enqueue, the flag would go
// down and up again, and each time all of them ring at once.
func (w *Worker) rushing(rows int) bool {
	w.rush = min(w.rush*9/10+float64(rows), 10*busyRows)
	return rows >= busyRows || !w.awake.IsZero() && w.rush >= busyRows
}

// fetch waits for room, claims once and hands the rows to the senders.
func (w *Worker) fetch(ctx context.Context, sweep bool) (rows int, full, swept bool, err error) {
	room, err := w.room(ctx)
	if err != nil || room == 0 {
		return 0, false, false, err
	}
	c := Claim{Token: w.Token(), Lease: w.Lease, Limit: room, Bytes: w.Bytes}
	begin := w.Now()
	swept = w.bounds.apply(&c, begin, sweep)
	got, err := w.Store.Claim(ctx, c)
	if err != nil {
		return 0, false, false, err
	}
	w.bounds.note(c, got, begin, w.Now(), swept)
	rows, full = len(got), len(got) >= c.Limit || bytesOf(got) >= c.Bytes || dueFull(c, got)
	got, err = w.setAside(ctx, got)
	w.hand(got, begin)
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

// hand puts claimed rows before the senders, urgent ones first.
func (w *Worker) hand(rows []Claimed, begin time.Time) {
	slices.SortFunc(rows, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	w.held.add(rows, begin.Add(w.Lease))
	for i := range rows {
		rows[i].at = begin
		w.jobs <- &rows[i] // has room: see the capacity and room
	}
}

// room waits until the senders are about to run out and says how many rows to
// claim. A worker that is full keeps the flag up, because inserts need not ring
// for it, and rings itself in case a neighbour sleeps.
func (w *Worker) room(ctx context.Context) (int, error) {
	for {
		target := w.tempo.target(w.Connections, w.Batch)
		held, _ := w.held.count()
		if want := 2*target - held; want >= target/2+1 && w.held.content() < mostClaims*w.Bytes {
			return min(want, w.Batch), nil
		}
		timer := time.NewTimer(awakeAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, nil
		case <-w.held.freed:
			timer.Stop()
		case <-timer.C:
			if err := w.stayAwake(ctx); err != nil {
				return 0, err
			}
			if err := w.Store.Ring(ctx); err != nil {
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
