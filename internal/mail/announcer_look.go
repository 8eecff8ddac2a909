package mail

import (
	"context"
	"time"
)

const (
	// stuckPause is between two looks while a lane can take no more, and others may.
	stuckPause = 100 * time.Millisecond
	// longestSweepPause bounds how long a row that was committed late waits: a look that
	// marks many rows says little of what its sweep took.
	longestSweepPause = time.Second
)

// looked is what one look at the lanes brought.
type looked struct {
	rows  int
	more  bool // at once: a batch was used up
	stuck bool // a lane has its window full, or its broker is slow
	later time.Duration
}

// busy reports whether that many came, or must wait, that notifications are not worth
// their price.
func (l looked) busy() bool { return l.more || l.stuck || l.rows >= busyRows }

// round looks once, then goes on, pauses or sleeps, as a worker does.
func (a *Announcer) round(ctx context.Context) error {
	got, err := a.look(ctx, false)
	if err != nil {
		return err
	}
	if got.busy() {
		err = a.bell.suppress(ctx)
	}
	if err == nil && (got.stuck || got.later > 0) {
		err = a.ring(ctx)
	}
	busy := a.bell.stayBusy(got.rows)
	switch {
	case err != nil:
		return err
	case got.more:
		return nil
	case got.stuck:
		a.await(ctx, a.untilFree(stuckPause))
		return nil
	case busy:
		pause(ctx, busyPause)
		return nil
	case !a.bell.reliable:
		return a.bell.allow(ctx, func(ctx context.Context) (bool, error) {
			got, err := a.look(ctx, true)
			return got.busy(), err
		})
	}
	return a.sleep(ctx, got)
}

// untilFree is when the first of the lanes that have enough is looked at again, most
// at the latest.
func (a *Announcer) untilFree(most time.Duration) time.Duration {
	now := a.Now()
	for _, l := range a.lanes {
		if d := l.fullUntil.Sub(now); d > 0 {
			most = min(most, d)
		}
	}
	return most
}

// look marks what there is room for and hands it to the lanes' publishers.
func (a *Announcer) look(ctx context.Context, sweep bool) (got looked, err error) {
	begin := a.Now()
	var o MarkOptions
	asked := false
	for i, l := range a.lanes {
		var s share
		o.Lanes[i], s = l.share(begin, a.Batch)
		o.Lanes[i].Sweep = s.open && (sweep || !begin.Before(l.nextSweep))
		asked = asked || s.open
		got.stuck = got.stuck || s.stuck
		if s.later > 0 && (got.later == 0 || s.later < got.later) {
			got.later = s.later
		}
	}
	if !asked {
		return got, nil
	}
	marking, cancel := outlasting(ctx)
	defer cancel()
	list, err := a.Store.Mark(marking, o)
	if err != nil {
		return got, err
	}
	end := a.Now()
	var marked [Lanes]*Marked
	for i := range list {
		marked[list[i].Lane] = &list[i]
	}
	for i, m := range marked {
		if o.Lanes[i].Batch == 0 {
			continue
		}
		l := a.lanes[i]
		if m == nil { // a pause of all mails
			m, l.counted = &Marked{Lane: Lane(i)}, false
		}
		l.sweptAt(end, o.Lanes[i].Sweep && !m.Unchanged, min(max(a.SweepInterval, sweepShare*end.Sub(begin)), longestSweepPause))
		a.handOver(&got, l, m, end)
	}
	if got.rows == 0 && got.later == 0 {
		a.liveness.idle()
	}
	return got, nil
}

// handOver gives the marked rows of a lane to its publisher.
func (a *Announcer) handOver(got *looked, l *announceLane, m *Marked, now time.Time) {
	full := l.note(m, now)
	if !m.Unchanged {
		a.metrics.unclaimed.WithLabelValues(l.lane.String()).Set(float64(m.Unclaimed))
	}
	got.rows += len(m.QueueIDs)
	got.more = got.more || m.More && !full
	got.stuck = got.stuck || full
	if len(m.QueueIDs) == 0 {
		return
	}
	batch := make([]Announcement, len(m.QueueIDs))
	for i, id := range m.QueueIDs {
		batch[i] = Announcement{Installation: a.Installation, QueueID: id, Lane: l.lane, At: m.At}
	}
	a.liveness.begin(now)
	a.metrics.announced.WithLabelValues(l.lane.String()).Add(float64(len(batch)))
	l.hand(batch)
}

// ring wakes, once a second, who may take what this announcer cannot: other announcers,
// workers without a broker, senders that claim from the database meanwhile.
func (a *Announcer) ring(ctx context.Context) error {
	now := a.Now()
	if now.Sub(a.rungAt) < suppressAgain {
		return nil
	}
	a.rungAt = now
	return a.Store.Notify(ctx)
}

// sleep waits for a notification, the next due row, an announcement that is to be made
// again, the next sweep, the next trial or the next poll.
func (a *Announcer) sleep(ctx context.Context, last looked) error {
	wait := a.PollWithoutNotify
	if a.notificationsWork() {
		wait = a.Poll
	}
	wait = wait*3/4 + time.Duration(a.Jitter()*float64(wait)/2)
	due, err := a.nextDue.until(ctx, a.Store, a.Now, last.rows == 0)
	if err != nil {
		return err
	}
	now := a.Now()
	wait = min(wait, due)
	if last.later > 0 {
		wait = min(wait, last.later)
	}
	for _, l := range a.lanes {
		wait = min(wait, l.untilAgain(now))
		if !l.swept {
			wait = min(wait, l.nextSweep.Sub(now))
		}
	}
	a.await(ctx, wait)
	return nil
}

// await waits for a notification or a publisher, no longer than d.
func (a *Announcer) await(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-a.Notifications:
	case <-a.freed:
	case <-timer.C:
	}
}
