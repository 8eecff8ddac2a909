package mail

import (
	"context"
	"errors"
	"sync"
	"time"

	"sespan/internal/groupcommit"
	"sespan/internal/problem"
)

const (
	settleBatch = 256
	settlers    = 2 // batches that are written at once
)

var errNotMarked = errors.New("mail: the beginning of a sending could not be noted")

// settleLoop writes results in batches: as soon as nothing else is under way,
// else after a short linger or when a batch is full. While one batch is being
// written the next is gathered, and written beside it. It ends when the channel is
// closed and the last result is written or write has ended.
func (w *Worker) settleLoop(write context.Context) {
	var writing sync.WaitGroup
	defer writing.Wait()
	places := make(chan struct{}, settlers)
	for first := range w.results {
		batch := w.collect(first)
		w.prefetch.record(len(batch))
		places <- struct{}{}
		writing.Go(func() {
			defer func() { <-places }()
			w.settle(write, batch)
		})
	}
}

// collect gathers the results that are there and waits a little for more.
func (w *Worker) collect(first Result) []Result {
	batch := []Result{first}
	unsent := w.leases.finish(first.Lease)
	linger := time.NewTimer(w.Linger)
	defer linger.Stop()
	for len(batch) < settleBatch {
		if unsent == 0 && len(w.results) == 0 {
			return batch
		}
		select {
		case r, ok := <-w.results:
			if !ok {
				return batch
			}
			batch = append(batch, r)
			unsent = w.leases.finish(r.Lease)
		case <-linger.C:
			return batch
		}
	}
	return batch
}

// settle writes one batch, waiting for a database that is away. What is not
// written when write ends is found by its lapsed lease.
func (w *Worker) settle(write context.Context, batch []Result) {
	unsent, tried := splitUnsent(batch)
	leases := make([]Lease, len(batch))
	for i := range batch {
		leases[i] = batch[i].Lease
	}
	defer w.leases.remove(leases)
	for failures := 0; ; failures++ {
		err := w.store(write, unsent, tried)
		if err == nil || write.Err() != nil {
			w.logLoss(write, err, len(batch))
			return
		}
		if problem.SlugOf(err) != problem.Unavailable {
			w.bisect(write, unsent, tried, err)
			return
		}
		if failures == 0 {
			w.backpressure.block()
			defer w.backpressure.unblock()
		}
		w.log.WarnContext(write, "mail: results cannot be written, waiting", "err", err, "results", len(batch))
		w.pause(write, spread(min(time.Second<<min(failures, 3), 5*time.Second), w.Jitter()))
	}
}

// splitUnsent parts the leases that are given back from the results of tries. What
// lapsed is nobody's to write.
func splitUnsent(batch []Result) (unsent []Lease, tried []Result) {
	for i := range batch {
		switch batch[i].State {
		case released:
			unsent = append(unsent, batch[i].Lease)
		case lapsed:
		default:
			tried = append(tried, batch[i])
		}
	}
	return unsent, tried
}

func (w *Worker) logLoss(ctx context.Context, err error, n int) {
	if err != nil {
		w.log.ErrorContext(ctx, "mail: results are not written; their mails may be sent again", "results", n, "err", err)
	}
}

// bisect finds the result that the database refuses, so that it alone is lost.
func (w *Worker) bisect(write context.Context, unsent []Lease, tried []Result, err error) {
	if len(unsent)+len(tried) <= 1 || len(tried) == 0 {
		w.logLoss(write, err, len(unsent)+len(tried))
		return
	}
	half := len(tried) / 2
	if len(unsent) > 0 {
		half = 0
	}
	for _, part := range [...]struct {
		unsent []Lease
		tried  []Result
	}{{unsent, tried[:half]}, {nil, tried[half:]}} {
		if err := w.store(write, part.unsent, part.tried); err != nil {
			w.bisect(write, part.unsent, part.tried, err)
		}
	}
}

// store is one call of the database for each kind of result.
func (w *Worker) store(ctx context.Context, unsent []Lease, tried []Result) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if len(unsent) > 0 {
		if err := w.Store.Release(ctx, unsent); err != nil {
			return err
		}
		w.metrics.events.WithLabelValues(eventReleased).Add(float64(len(unsent)))
	}
	if len(tried) == 0 {
		return nil
	}
	ids, err := w.Store.Settle(ctx, tried)
	if err != nil {
		return err
	}
	w.count(ctx, tried, ids)
	return nil
}

// count tells the metrics and the log; results that the fence refused are told apart.
func (w *Worker) count(ctx context.Context, results []Result, ids []int64) {
	written := make(map[int64]bool, len(ids))
	for _, id := range ids {
		written[id] = true
	}
	for i := range results {
		r := &results[i]
		if !written[r.QueueID] {
			w.metrics.events.WithLabelValues(eventFenced).Inc()
			w.log.WarnContext(ctx, "mail: result after the lease was lost", "queue_id", r.QueueID, "state", r.State)
			continue
		}
		if !r.postponed() { // that has its own metric
			w.metrics.events.WithLabelValues(string(r.State)).Inc()
		}
		if r.State == StateRetry {
			w.nextDue.add(w.Now(), r.Delay)
		}
		if r.State == StateDead || r.State == StateUnknown {
			w.log.WarnContext(ctx, "mail: "+string(r.State), "queue_id", r.QueueID, "reason", r.Reason, "code", r.Code)
		}
	}
}

// markSending notes the beginning of several sendings in one statement.
func (w *Worker) markSending(write context.Context) groupcommit.Flush[Lease, bool] {
	return func(_ context.Context, leases []Lease) ([]bool, error) {
		ctx, cancel := context.WithTimeout(write, storeTimeout)
		defer cancel()
		ids, err := w.Store.MarkSending(ctx, leases)
		if err != nil {
			return nil, errors.Join(errNotMarked, err)
		}
		ours := make(map[int64]bool, len(ids))
		for _, id := range ids {
			ours[id] = true
		}
		out := make([]bool, len(leases))
		for i, l := range leases {
			out[i] = ours[l.QueueID]
		}
		return out, nil
	}
}
