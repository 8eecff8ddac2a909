package mail

import (
	"context"
	"errors"
	"sync"
	"time"

	"sespan/internal/problem"
)

const (
	settleBatch = 256
	settlers    = 2 // batches that are written at once
)

// settleLoop writes results in batches: as soon as nothing else is under way,
// else after a short linger or when a batch is full. While one batch is being
// written the next is gathered, and written beside it. It ends when the channel is
// closed and the last result is written or late has ended.
func (w *Worker) settleLoop(late context.Context) {
	var writing sync.WaitGroup
	defer writing.Wait()
	places := make(chan struct{}, settlers)
	for first := range w.results {
		batch := w.collect(first)
		w.prefetch.add(len(batch))
		places <- struct{}{}
		writing.Go(func() {
			defer func() { <-places }()
			w.settle(late, batch)
		})
	}
}

// collect takes what is there and waits a little for more.
func (w *Worker) collect(first Result) []Result {
	batch := []Result{first}
	open := w.leases.finish(first.Lease)
	linger := time.NewTimer(w.Linger)
	defer linger.Stop()
	for len(batch) < settleBatch {
		if open == 0 && len(w.results) == 0 {
			return batch
		}
		select {
		case r, ok := <-w.results:
			if !ok {
				return batch
			}
			batch = append(batch, r)
			open = w.leases.finish(r.Lease)
		case <-linger.C:
			return batch
		}
	}
	return batch
}

// settle writes one batch, waiting for a database that is away. What is not
// written when late ends is found by its lapsed lease.
func (w *Worker) settle(late context.Context, batch []Result) {
	back, write := split(batch)
	leases := make([]Lease, len(batch))
	for i := range batch {
		leases[i] = batch[i].Lease
	}
	defer w.leases.release(leases)
	for failures := 0; ; failures++ {
		err := w.write(late, back, write)
		if err == nil || late.Err() != nil {
			w.logLoss(late, err, len(batch))
			return
		}
		if problem.SlugOf(err) != problem.Unavailable {
			w.bisect(late, back, write, err)
			return
		}
		if failures == 0 {
			w.backpressure.shut()
			defer w.backpressure.open()
		}
		w.log.WarnContext(late, "mail: results cannot be written, waiting", "err", err, "results", len(batch))
		w.pause(late, spread(min(time.Second<<min(failures, 3), 5*time.Second), w.Jitter()))
	}
}

func (w *Worker) logLoss(ctx context.Context, err error, n int) {
	if err != nil {
		w.log.ErrorContext(ctx, "mail: results are not written; their mails may be sent again", "results", n, "err", err)
	}
}

// bisect finds the result that the database refuses, so that it alone is lost.
func (w *Worker) bisect(late context.Context, back []Lease, write []Result, err error) {
	if len(back)+len(write) <= 1 || len(write) == 0 {
		w.logLoss(late, err, len(back)+len(write))
		return
	}
	half := len(write) / 2
	if len(back) > 0 {
		half = 0
	}
	for _, part := range [...]struct {
		back  []Lease
		write []Result
	}{{back, write[:half]}, {nil, write[half:]}} {
		if err := w.write(late, part.back, part.write); err != nil {
			w.bisect(late, part.back, part.write, err)
		}
	}
}

// write is one call of the store for each kind of result.
func (w *Worker) write(ctx context.Context, back []Lease, write []Result) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	if len(back) > 0 {
		if err := w.Store.Release(ctx, back); err != nil {
			return err
		}
		w.metrics.events.WithLabelValues(eventReleased).Add(float64(len(back)))
	}
	if len(write) == 0 {
		return nil
	}
	ids, err := w.Store.Settle(ctx, write)
	if err != nil {
		return err
	}
	w.count(ctx, write, ids)
	return nil
}

// count tells the metrics; results that the fence held back are told apart.
func (w *Worker) count(ctx context.Context, results []Result, ids []int64) {
	through := make(map[int64]bool, len(ids))
	for _, id := range ids {
		through[id] = true
	}
	for i := range results {
		r := &results[i]
		if !through[r.QueueID] {
			w.metrics.events.WithLabelValues(eventFenced).Inc()
			w.log.WarnContext(ctx, "mail: result after the lease was lost", "queue_id", r.QueueID, "state", r.State)
			continue
		}
		if !r.postponed() { // that has its own metric
			w.metrics.events.WithLabelValues(string(r.State)).Inc()
		}
		if r.State == StateRetry {
			w.nextDue.note(w.Now(), r.Delay)
		}
		if r.State == StateDead || r.State == StateUnknown {
			w.log.WarnContext(ctx, "mail: "+string(r.State), "queue_id", r.QueueID, "reason", r.Reason, "code", r.Code)
		}
	}
}

func split(batch []Result) (back []Lease, write []Result) {
	for i := range batch {
		switch batch[i].State {
		case released:
			back = append(back, batch[i].Lease)
		case lapsed: // nobody's to write
		default:
			write = append(write, batch[i])
		}
	}
	return back, write
}

// markSending notes the beginning of several mails in one statement.
func (w *Worker) markSending(late context.Context) func([]Lease) ([]bool, error) {
	return func(leases []Lease) ([]bool, error) {
		ctx, cancel := context.WithTimeout(late, storeWait)
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
