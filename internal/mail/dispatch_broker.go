package mail

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	holdFor     = 2 * time.Second       // a row that finds no room is left to others after so long
	gatherFor   = 3 * time.Millisecond  // between the beginnings of two claims
	gatherAhead = 50 * time.Millisecond // and while the senders have enough for aheadFor
	aheadFor    = 100 * time.Millisecond
	roomRecheck = 20 * time.Millisecond // while it waits for room
	ackTimeout  = 2 * time.Second
)

// brokerDispatcher claims the rows that a broker names. Beside it the database's
// dispatcher works while the fallback is on. All but watch belongs to one goroutine.
type brokerDispatcher struct {
	w           *Worker
	metrics     *consumerMetrics
	consumption Consumption
	fallback    *fallback

	held      [Lanes][]heldDelivery // not acknowledged, as they came
	lanes     [Lanes]laneRoom
	lastClaim time.Time
	roomless  time.Time // since when none of what is held could be claimed; zero: some can
	stopped   bool      // nothing more is delivered at all, for want of room
}

type heldDelivery struct {
	Delivery
	counted bool // as held
}

func newBrokerDispatcher(w *Worker) *brokerDispatcher {
	m := newConsumerMetrics(w.Metrics)
	d := &brokerDispatcher{w: w, metrics: m, fallback: newFallback(w, m)}
	for lane := range d.lanes {
		d.lanes[lane] = laneRoom{told: min(perSender*w.Senders, w.LanePrefetch), most: w.LanePrefetch}
	}
	return d
}

// Dispatch consumes until ctx ends.
func (d *brokerDispatcher) Dispatch(ctx context.Context) {
	// What is claimed when ctx ends is acknowledged still; Leave ends the consumption.
	d.consumption = d.w.Broker.Consume(context.WithoutCancel(ctx), ConsumeOptions{Prefetch: d.w.LanePrefetch, Room: d.lanes[0].told})
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { d.watch(ctx) })
	d.w.retrying(ctx, "mail: announced rows cannot be claimed, waiting", d.round)
}

// Leave gives what is not acknowledged to other consumers.
func (d *brokerDispatcher) Leave(ctx context.Context) error { return d.consumption.Close(ctx) }

// watch keeps the fallback, where there is one.
func (d *brokerDispatcher) watch(ctx context.Context) {
	for d.w.pause(ctx, fallbackEvery); ctx.Err() == nil; d.w.pause(ctx, fallbackEvery) {
		if d.w.Fallback {
			d.fallback.look(ctx)
		}
	}
	d.fallback.stop(ctx)
}

// round waits until there is something to do, claims, and gives up what has waited
// long enough.
func (d *brokerDispatcher) round(ctx context.Context) error {
	d.gather(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if asked := d.pick(ctx); len(asked) > 0 {
		if err := d.claim(ctx, asked); err != nil {
			return err
		}
	}
	return d.giveUp(ctx)
}

// gather takes deliveries until rows can be claimed, or some have waited long enough.
func (d *brokerDispatcher) gather(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		d.takeDelivered()
		wait := d.wait(ctx)
		if wait <= 0 {
			return
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case delivery := <-d.consumption.Deliveries():
			d.hold(delivery)
		case <-timer.C:
		}
	}
}

func (d *brokerDispatcher) takeDelivered() {
	for {
		select {
		case delivery := <-d.consumption.Deliveries():
			d.hold(delivery)
		default:
			return
		}
	}
}

func (d *brokerDispatcher) hold(delivery Delivery) {
	d.held[delivery.Lane] = append(d.held[delivery.Lane], heldDelivery{Delivery: delivery})
}

// wait is how long nothing is to be done unless something is delivered.
func (d *brokerDispatcher) wait(ctx context.Context) time.Duration {
	now, oldest := d.w.Now(), time.Time{}
	for _, lane := range d.held {
		if len(lane) > 0 && (oldest.IsZero() || lane[0].Received.Before(oldest)) {
			oldest = lane[0].Received
		}
	}
	room, stopped := d.room(ctx, now, !oldest.IsZero())
	switch {
	case oldest.IsZero() && stopped:
		return roomRecheck
	case oldest.IsZero():
		return time.Hour
	case room && d.ahead():
		return d.lastClaim.Add(gatherAhead).Sub(now)
	case room:
		return d.lastClaim.Add(gatherFor).Sub(now)
	default:
		return min(roomRecheck, oldest.Add(holdFor).Sub(now))
	}
}

// ahead reports whether a larger claim is worth waiting for: a claim's worth of a lane is
// not there yet, and the senders have enough of what is as urgent.
func (d *brokerDispatcher) ahead() bool {
	enough := max(int(d.w.prefetch.perSecond()*aheadFor.Seconds()), 2*d.w.Connections)
	for lane, list := range d.held {
		if leases, _ := d.w.leases.usage(Lane(lane).leastUrgent()); len(list) >= d.w.Batch || len(list) > 0 && leases < enough {
			return false
		}
	}
	return true
}

// room reports whether some of what is held could be claimed, and whether the broker
// brings nothing more of a lane. It tells the broker how much of each lane may come.
func (d *brokerDispatcher) room(ctx context.Context, now time.Time, holding bool) (useful, stopped bool) {
	serves, sent, changed := d.w.relayServes(ctx), d.w.prefetch.perSecond(), false
	var open [Lanes]bool
	for lane := range d.lanes {
		open[lane] = serves && d.w.room(Lane(lane)) > 0
		useful = useful || open[lane] && len(d.held[lane]) > 0
	}
	d.stop(now, holding && !useful && !open[LaneBulk], open[LaneBulk]) // where bulk has room what is more urgent has, too
	for lane := range d.lanes {
		l := &d.lanes[lane]
		changed = l.adapt(now, roomState{open: open[lane], stopped: d.stopped, holding: holding, sent: sent}) || changed
		stopped = stopped || l.told == 0
	}
	if changed {
		d.tellRoom()
	}
	return useful, stopped
}

// stop notes for how long there has been no use for what is held. After a second others
// are to have all that comes, what is urgent too, until there is room for everything.
func (d *brokerDispatcher) stop(now time.Time, useless, room bool) {
	switch {
	case !useless:
		d.roomless = time.Time{}
		d.stopped = d.stopped && !room
	case d.roomless.IsZero():
		d.roomless = now
	case now.Sub(d.roomless) >= roomlessFor:
		d.stopped = true
	}
}

func (d *brokerDispatcher) tellRoom() {
	var room [Lanes]int
	for lane := range room {
		room[lane] = d.lanes[lane].told
	}
	d.consumption.SetRoom(room)
}

// pick chooses what to claim: as much of each lane as there is room for, the urgent one
// first.
func (d *brokerDispatcher) pick(ctx context.Context) (asked []int64) {
	if !d.w.relayServes(ctx) {
		d.countHeld(nil)
		return nil
	}
	there := map[int64]bool{}
	for lane, list := range d.held {
		room := min(d.w.room(Lane(lane)), d.w.Batch)
		for i := 0; i < len(list) && len(asked) < room; i++ {
			if id := list[i].QueueID; !there[id] {
				there[id] = true
				asked = append(asked, id)
			}
		}
	}
	d.countHeld(there)
	return asked
}

// countHeld counts what must wait for room, once.
func (d *brokerDispatcher) countHeld(except map[int64]bool) {
	for _, list := range d.held {
		for i := range list {
			if !list[i].counted && !except[list[i].QueueID] {
				list[i].counted = true
				d.metrics.count(list[i].Lane, deliveryHeld, 1)
			}
		}
	}
}

// claim claims rows by key and acknowledges each that is not ready and left behind. A
// claim that fails acknowledges nothing.
func (d *brokerDispatcher) claim(ctx context.Context, asked []int64) error {
	begin := d.w.Now()
	d.lastClaim = begin
	claiming, cancel := outlasting(ctx)
	defer cancel()
	rows, left, err := d.w.Announced.ClaimAnnounced(claiming, AnnouncedClaim{
		Token: d.w.Token(), Lease: d.w.Lease, QueueIDs: asked, Limit: len(asked), Bytes: d.w.Bytes,
	})
	if err != nil {
		return err
	}
	claimed := make(map[int64]bool, len(rows))
	for i := range rows {
		claimed[rows[i].QueueID] = true
	}
	rows, err = d.w.parkPaused(claiming, rows)
	d.w.accept(rows, begin)
	through := make(map[int64]bool, len(asked))
	for _, id := range asked {
		through[id] = true
	}
	for _, id := range left {
		delete(through, id)
	}
	done := d.release(func(h heldDelivery) bool { return through[h.QueueID] })
	for _, delivery := range done {
		result := deliveryStale
		if claimed[delivery.QueueID] {
			result = deliveryClaimed
			delete(claimed, delivery.QueueID) // a second one of the row was for nothing
			d.lanes[delivery.Lane].pace.note(1, begin)
		}
		d.metrics.count(delivery.Lane, result, 1)
	}
	d.acknowledge(ctx, done)
	return err
}

// giveUp leaves what has waited long enough to other consumers: without its mark a row
// is announced again.
func (d *brokerDispatcher) giveUp(ctx context.Context) error {
	now := d.w.Now()
	old := func(h heldDelivery) bool { return now.Sub(h.Received) >= holdFor }
	var list []Announcement
	for _, lane := range d.held {
		for _, h := range lane {
			if old(h) {
				list = append(list, h.Announcement)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	if _, err := d.w.Announced.ClearMarks(ctx, list); err != nil {
		return err
	}
	lessens := false
	for _, a := range list {
		d.metrics.count(a.Lane, deliveryCleared, 1)
		lessens = d.lanes[a.Lane].lessen() || lessens
	}
	if lessens {
		d.tellRoom()
	}
	d.acknowledge(ctx, d.release(old))
	return d.w.Store.Notify(ctx) // the announcers
}

// release forgets the held deliveries that are done and answers them.
func (d *brokerDispatcher) release(done func(heldDelivery) bool) (list []Delivery) {
	for lane := range d.held {
		d.held[lane] = slices.DeleteFunc(d.held[lane], func(h heldDelivery) bool {
			if !done(h) {
				return false
			}
			list = append(list, h.Delivery)
			return true
		})
	}
	return list
}

// acknowledge tells the broker. Where that fails they come again, and find their rows
// leased or finished.
func (d *brokerDispatcher) acknowledge(ctx context.Context, list []Delivery) {
	if len(list) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	if err := d.consumption.Ack(ctx, list); err != nil {
		d.w.log.DebugContext(ctx, "mail: announcements will come again", "err", err, "deliveries", len(list))
	}
}
