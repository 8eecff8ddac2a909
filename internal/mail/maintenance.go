package mail

import (
	"context"
	"errors"
	"time"
)

var errNotMarked = errors.New("mail: the beginning could not be noted")

const (
	// longestLease is when a sender that never comes back loses its row. RFC 5321,
	// 4.5.3.2.6 grants ten minutes to the answer after the final dot.
	longestLease     = 15 * time.Minute
	extendBatch      = 1000
	reclaimBatch     = 1000
	maintenanceShare = 20
	heartbeatEvery   = 10 * time.Second
	unparkEvery      = 5 * time.Second
)

// heartbeat renews the leases that are held, well before they end.
func (w *Worker) renewLeases(ctx context.Context) error {
	list := w.leases.aging(w.Lease*2/3, longestLease)
	for len(list) > 0 {
		n := min(len(list), extendBatch)
		until := w.Now().Add(w.Lease)
		ids, err := w.Store.Extend(ctx, list[:n], w.Lease)
		if err != nil {
			return err
		}
		if lost := w.leases.extended(list[:n], ids, until); lost > 0 {
			w.log.WarnContext(ctx, "mail: leases were lost", "leases", lost)
		}
		list = list[n:]
	}
	return nil
}

// reclaim takes back what workers that vanished have left, and wakes whoever
// sleeps: an update does not ring.
func (w *Worker) reclaim(ctx context.Context) error {
	again, held, err := w.Store.Reclaim(ctx, reclaimBatch)
	if err != nil || again+held == 0 {
		return err
	}
	w.metrics.events.WithLabelValues(eventReclaimed).Add(float64(again))
	w.metrics.events.WithLabelValues(eventUnknown).Add(float64(held))
	w.log.WarnContext(ctx, "mail: a worker vanished", "sent_again", again, "unknown", held)
	return w.Store.Notify(ctx)
}

func (w *Worker) gauge(ctx context.Context) error {
	d, err := w.Store.Depth(ctx)
	if err == nil {
		w.metrics.depth(d)
		w.triggerOff.Store(!d.TriggerEnabled)
	}
	return err
}

// beat shows that this worker lives.
func (w *Worker) heartbeat(ctx context.Context) error {
	return w.Store.Heartbeat(ctx, Heartbeat{Worker: w.id, Connections: w.Connections, NotificationsWork: w.notificationsWork()})
}

// unpark lets mails go whose pause is over.
func (w *Worker) unpark(ctx context.Context) error {
	for {
		if done, err := w.Store.Unpark(ctx); done || err != nil {
			return err
		}
	}
}

func (w *Worker) cleanup(ctx context.Context) error { return w.Store.Cleanup(ctx) }

// every calls do at once and then about every d, until ctx ends. A call that
// takes long makes the pause share times as long as itself.
func (w *Worker) every(ctx context.Context, d time.Duration, share int, do func(context.Context) error) {
	for ctx.Err() == nil {
		begin := w.Now()
		bounded, cancel := context.WithTimeout(ctx, storeWait)
		err := do(bounded)
		cancel()
		if err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "mail: upkeep failed, will be tried again", "err", err)
		}
		pause := max(d, time.Duration(share)*w.Now().Sub(begin))
		w.pause(ctx, pause*3/4+time.Duration(w.Jitter()*float64(pause)/2))
	}
}
