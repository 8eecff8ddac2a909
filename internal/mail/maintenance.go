package mail

import (
	"context"
	"sync"
	"time"
)

const (
	// longestLease is when a sender that never comes back loses its row. RFC 5321,
	// 4.5.3.2.6 grants ten minutes to the answer after the final dot.
	longestLease   = 15 * time.Minute
	renewBatch     = 1000
	reclaimBatch   = 1000
	heartbeatEvery = 10 * time.Second
	unparkEvery    = 5 * time.Second
	cleanupEvery   = time.Minute
	// maintenanceShare: a task may take one twentieth of the time.
	maintenanceShare = 20
)

// maintain starts the tasks beside the sending. Leases are renewed and heartbeats sent
// until keep ends, while the last mails are on their way; the others end with ctx.
func (w *Worker) maintain(ctx, keep context.Context) *sync.WaitGroup {
	var tasks sync.WaitGroup
	tasks.Go(func() { w.every(keep, w.Lease/6, 0, w.renewLeases) })
	tasks.Go(func() { w.every(keep, heartbeatEvery, maintenanceShare, w.heartbeat) })
	tasks.Go(func() { w.every(ctx, w.Lease/10, maintenanceShare, w.reclaim) })
	tasks.Go(func() { w.every(ctx, w.DepthInterval, maintenanceShare, w.measureDepth) })
	tasks.Go(func() { w.every(ctx, unparkEvery, maintenanceShare, w.unpark) })
	tasks.Go(func() { w.every(ctx, cleanupEvery, maintenanceShare, w.Store.Cleanup) })
	return &tasks
}

// every calls task at once and then about every d, until ctx ends. A call that
// takes long makes the pause share times as long as itself.
func (w *Worker) every(ctx context.Context, d time.Duration, share int, task func(context.Context) error) {
	for ctx.Err() == nil {
		begin := w.Now()
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		err := task(bounded)
		cancel()
		if err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "mail: maintenance failed, will be tried again", "err", err)
		}
		pause := max(d, time.Duration(share)*w.Now().Sub(begin))
		w.pause(ctx, pause*3/4+time.Duration(w.Jitter()*float64(pause)/2))
	}
}

// renewLeases renews the leases of this worker well before they end.
func (w *Worker) renewLeases(ctx context.Context) error {
	list := w.leases.expiring(w.Lease*2/3, longestLease)
	for len(list) > 0 {
		n := min(len(list), renewBatch)
		until := w.Now().Add(w.Lease)
		ids, err := w.Store.RenewLeases(ctx, list[:n], w.Lease)
		if err != nil {
			return err
		}
		if lost := w.leases.renewed(list[:n], ids, until); lost > 0 {
			w.log.WarnContext(ctx, "mail: leases were lost", "leases", lost)
		}
		list = list[n:]
	}
	return nil
}

// heartbeat shows that this worker lives, and takes its share of the rates.
func (w *Worker) heartbeat(ctx context.Context) error {
	senders, err := w.Store.Heartbeat(ctx, Heartbeat{Worker: w.id, Connections: w.Connections, NotificationsWork: w.notificationsWork(), Dispatch: w.Dispatch})
	if err == nil {
		w.limits.Share(senders)
	}
	return err
}

// reclaim takes back the rows of workers that vanished, and wakes whoever sleeps: an
// update does not notify.
func (w *Worker) reclaim(ctx context.Context) error {
	retried, unknown, err := w.Store.Reclaim(ctx, reclaimBatch)
	if err != nil || retried+unknown == 0 {
		return err
	}
	w.metrics.events.WithLabelValues(eventReclaimed).Add(float64(retried))
	w.metrics.events.WithLabelValues(eventUnknown).Add(float64(unknown))
	w.log.WarnContext(ctx, "mail: a worker vanished", "sent_again", retried, "unknown", unknown)
	return w.Store.Notify(ctx)
}

func (w *Worker) measureDepth(ctx context.Context) error {
	d, err := w.Store.Depth(ctx)
	if err == nil {
		w.metrics.depth(d)
		w.noteTrigger(ctx, d.TriggerEnabled)
	}
	return err
}

// noteTrigger says once what no mail shows: that they come later, at a higher cost.
func (w *Worker) noteTrigger(ctx context.Context, enabled bool) {
	switch off := w.triggerOff.Swap(!enabled); {
	case !enabled && !off:
		w.log.WarnContext(ctx, "mail: the trigger that wakes workers is disabled or gone; polling. As the owner of the schema: "+
			"ALTER TABLE sespan.mail_queue ENABLE TRIGGER mail_doorbell_ring")
	case enabled && off:
		w.log.InfoContext(ctx, "mail: the trigger that wakes workers is there again")
	}
}
