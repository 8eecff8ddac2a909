package mail

import (
	"context"
	"sync"
	"time"
)

const longestDue = time.Hour

// nextDue is when the next scheduled row or retry is due. The database is asked when
// the worker goes to sleep; retries that the worker writes meanwhile are noted here.
type nextDue struct {
	sooner chan struct{} // one signal when the time moved forward

	mu sync.Mutex
	at time.Time
}

// in gives the time until then; known is false before the database was asked.
func (d *nextDue) in(now time.Time) (wait time.Duration, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at.Sub(now), !d.at.IsZero()
}

// set takes in the database's answer.
func (d *nextDue) set(now time.Time, wait time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = min(wait, longestDue)
	d.at = now.Add(wait)
	return wait
}

// until gives the time until then, and asks the database where that is not known, or when
// told to.
func (d *nextDue) until(ctx context.Context, queue interface {
	NextDue(ctx context.Context) (time.Duration, error)
}, now func() time.Time, ask bool,
) (time.Duration, error) {
	due, known := d.in(now())
	if known && !ask {
		return due, nil
	}
	next, err := queue.NextDue(ctx)
	if err != nil {
		return 0, err
	}
	return d.set(now(), next), nil
}

// add takes in a retry that was written just now.
func (d *nextDue) add(now time.Time, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := now.Add(wait); d.at.IsZero() || at.Before(d.at) {
		d.at = at
		select {
		case d.sooner <- struct{}{}:
		default:
		}
	}
}
