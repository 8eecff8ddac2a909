package mail

import (
	"sync"
	"time"
)

const (
	// prefetchFor is how much work a worker claims ahead: enough that the senders
	// never wait for the database, little enough that other workers get their
	// share and a stop gives back little.
	prefetchFor = 500 * time.Millisecond
	// measureEvery is the span over which the rate is measured.
	measureEvery = 100 * time.Millisecond
)

// prefetch measures how fast mails leave, and from that how many to claim ahead.
type prefetch struct {
	now func() time.Time

	mu       sync.Mutex
	finished int
	since    time.Time
	rate     float64 // mails a second, smoothed; 0 is not known yet
}

// record counts finished tries.
func (p *prefetch) record(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.since.IsZero() || now.Sub(p.since) > 10*measureEvery { // a lull says nothing
		p.since, p.finished = now, 0
		return
	}
	p.finished += n
	if span := now.Sub(p.since); span >= measureEvery {
		rate := float64(p.finished) / span.Seconds()
		if p.rate > 0 {
			rate = (p.rate + rate) / 2
		}
		p.rate, p.since, p.finished = rate, now, 0
	}
}

// perSecond is how many mails leave in a second; 0 is not known yet.
func (p *prefetch) perSecond() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}

// target is the number of rows to have ahead, between a few per connection and
// the configured most.
func (p *prefetch) target(connections, most int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	least := min(4*connections, most)
	return min(max(int(p.rate*prefetchFor.Seconds()), least), most)
}
