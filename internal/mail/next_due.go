package mail

import (
	"sync"
	"time"
)

const longestDue = time.Hour

// due is when the next scheduled row or retry is due. The database is asked when
// the worker goes to sleep; what the worker itself puts back meanwhile it notes
// here.
type nextDue struct {
	sooner chan struct{} // one signal when the time moved forward

	mu   sync.Mutex
	next time.Time
}

// in gives the time until then; known is false before the database was asked.
func (d *nextDue) in(now time.Time) (wait time.Duration, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next.Sub(now), !d.next.IsZero()
}

// set takes in the database's answer.
func (d *nextDue) set(now time.Time, wait time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = min(wait, longestDue)
	d.next = now.Add(wait)
	return wait
}

// note takes in a retry that was written just now.
func (d *nextDue) note(now time.Time, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := now.Add(wait); d.next.IsZero() || at.Before(d.next) {
		d.next = at
		select {
		case d.sooner <- struct{}{}:
		default:
		}
	}
}
