package mail

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"
)

const (
	claimsAhead     = 4                      // of Batch rows each: the target is never higher
	claimEvery      = 250 * time.Millisecond // at a relay so slow that its mails need no batches
	claimsInMemory  = 4                      // of Bytes each: beyond so much content no more is claimed, unless it passes
	storeTimeout    = 10 * time.Second       // for one call of the store
	longestReadWait = 10 * time.Second       // between two tries to reach the queue
)

// Dispatcher decides which rows are next: it claims them when the worker has room and
// hands them to its senders. One asks the queue itself (dispatch_database.go), the other
// learns of rows from RabbitMQ or Apache Kafka (dispatch_broker.go).
type Dispatcher interface {
	// Dispatch claims until ctx ends.
	Dispatch(ctx context.Context)
	// Leave follows: it tells the others that this worker claims no more.
	Leave(ctx context.Context) error
}

func newDispatcher(w *Worker) Dispatcher {
	if w.Broker != nil {
		return newBrokerDispatcher(w)
	}
	return newDatabaseDispatcher(w)
}

// accept hands claimed rows to the senders, urgent ones first.
func (w *Worker) accept(rows []Claimed, claimed time.Time) {
	slices.SortFunc(rows, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	w.leases.add(rows, claimed.Add(w.Lease))
	for i := range rows {
		rows[i].claimedAt = claimed
		if rows[i].Fresh {
			w.metrics.commitToClaim.Observe(rows[i].Waited.Seconds())
		}
	}
	w.jobs.put(rows)
}

// capacityWithin waits no longer than d; then it answers 0.
func (w *Worker) capacityWithin(ctx context.Context, d time.Duration) int {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		if rows := w.capacity(Priorities - 1); rows > 0 {
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

// capacity is how many rows of a priority and more urgent ones to claim now; 0 while the
// senders have enough of them. What is less urgent does not count, because these pass
// it; of content each priority may have one claim more than the one below.
func (w *Worker) capacity(priority int) int {
	target := w.prefetch.target(w.Connections, claimsAhead*w.Batch)
	leases, bytes := w.leases.usage(priority)
	mostBytes := int64(claimsInMemory+Priorities-1-priority) * w.Bytes
	least := target/2 + 1
	if sent := w.prefetch.perSecond(); sent > 0 {
		least = min(least, max(int(sent*claimEvery.Seconds()), 1))
	}
	if rows := 2*target - leases; rows >= least && bytes < mostBytes {
		return min(rows, w.Batch)
	}
	return 0
}

// room is how many rows of a lane and more urgent ones to claim now.
func (w *Worker) room(l Lane) int { return w.capacity(l.leastUrgent()) }

// relayServes reports whether mails may be tried at this moment.
func (w *Worker) relayServes(ctx context.Context) bool {
	ended, cancel := context.WithCancel(ctx)
	cancel() // Ready succeeds all the same where a relay serves
	return w.Sender.Ready(ended) == nil
}

// outlasting is for a statement that leases or marks rows: cut off by a stop it may be
// committed all the same, and nobody would know of the rows that it took.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// retrying repeats a round until ctx ends, ever more slowly while it fails.
func (w *Worker) retrying(ctx context.Context, complaint string, round func(context.Context) error) {
	retrying(ctx, w.log, w.Jitter, complaint, round)
}

func retrying(ctx context.Context, log *slog.Logger, jitter func() float64, complaint string, round func(context.Context) error) {
	for failures := 0; ctx.Err() == nil; {
		err := round(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures++
			log.WarnContext(ctx, complaint, "err", err, "failures", failures)
			pause(ctx, spread(min(time.Second<<min(failures, 3), longestReadWait), jitter()))
		}
	}
}

func (*Worker) pause(ctx context.Context, d time.Duration) { pause(ctx, d) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
