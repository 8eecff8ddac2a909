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

// doorbell is the side of the protocol (see doc.go) of one that looks for rows: a worker
// or an announcer. It belongs to one goroutine.
type doorbell struct {
	store Doorbell
	now   func() time.Time
	await func(ctx context.Context, d time.Duration) // for a notification, no longer than d

	suppressedAt time.Time // when notifications were last suppressed; zero while they are allowed
	reliable     bool      // they are allowed, and no open transaction may have missed that
	recentRows   float64   // rows of the last looks, the older the less
}

// suppress keeps inserts from notifying, and renews that in time.
func (b *doorbell) suppress(ctx context.Context) error {
	now := b.now()
	if !b.suppressedAt.IsZero() && now.Sub(b.suppressedAt) < suppressAgain {
		return nil
	}
	if err := b.store.SuppressNotify(ctx, suppressFor); err != nil {
		return err
	}
	b.suppressedAt, b.reliable = now, false
	return nil
}

// allow is the way to sleep: let inserts notify again, count the transactions that may
// not have noticed, then look into the queue. While there are such transactions it looks
// again and again, ever more slowly. When it leaves reliable set, one may sleep until
// notified; else there is work.
func (b *doorbell) allow(ctx context.Context, look func(context.Context) (busy bool, err error)) error {
	inserters, on, err := b.store.AllowNotify(ctx)
	if err != nil {
		return err
	}
	b.suppressedAt = time.Time{}
	for wait := shortestRecheck; ; wait = min(2*wait, longestRecheck) {
		busy, err := look(ctx)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case busy:
			return b.suppress(ctx)
		case inserters == 0 || !on:
			// While it waited for capacity, look may have suppressed notifications.
			b.reliable = b.suppressedAt.IsZero()
			return nil
		}
		b.await(ctx, wait)
		if inserters, err = b.store.OpenInserters(ctx); err != nil {
			return err
		}
	}
}

// stayBusy reports whether mails come so fast that looking again costs less than their
// notifications. A single empty look says little: where many enqueue, notifications
// would be allowed and suppressed again, and each time all of them would notify.
func (b *doorbell) stayBusy(rows int) bool {
	b.recentRows = min(b.recentRows*9/10+float64(rows), 10*busyRows)
	return rows >= busyRows || !b.suppressedAt.IsZero() && b.recentRows >= busyRows
}

// leave lets inserts wake whoever sleeps.
func (b *doorbell) leave(ctx context.Context) error {
	if b.suppressedAt.IsZero() {
		return nil
	}
	b.suppressedAt, b.reliable = time.Time{}, false
	_, _, err := b.store.AllowNotify(ctx)
	return err
}
