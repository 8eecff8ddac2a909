package apilog

import (
	"context"
	"sync/atomic"
)

// Room is where the log lies, with a bound on its bytes.
type Room interface {
	// Size is what the log takes on disk, of all processes.
	Size(ctx context.Context) (int64, error)
	// Shrink drops bodies and days, the oldest first, until the log takes no more
	// bytes than that, or nothing is left that could go.
	Shrink(ctx context.Context, bytes int64) error
}

// Shares of the bound, in hundredths. Days and bodies go from shrinkAt on. Where that
// does not help any more, because what is left is of today, rows become fewer: the
// last shares are for draws, verified codes and reads by staff, and for rows that
// stand for a minute's calls.
const (
	shrinkAt = 90
	tightAt  = 95
	fullAt   = 98
)

// measureAfter is which part of the bound a process may write before the log is
// measured again.
const measureAfter = 256

// level is how much room there is.
type level int

const (
	open  level = iota // every row is stored whole
	tight              // without bodies, and sampled but for those that are kept to the end
	full               // all are sampled, a row a minute
)

// bound knows how large the log is: as it was measured last, and what this process
// has written since. Twice that, because others write, too. It is safe for concurrent use.
type bound struct {
	most    int64 // bytes; 0 for no bound
	size    atomic.Int64
	written atomic.Int64
	measure chan struct{} // wakes who measures
}

func newBound(most int64) *bound { return &bound{most: most, measure: make(chan struct{}, 1)} }

// level tells how an entry of so many bytes may be stored.
func (b *bound) level(bytes int64) level {
	if b.most == 0 {
		return open
	}
	switch after := b.size.Load() + 2*b.written.Load() + bytes; {
	case after > b.most/100*fullAt:
		return full
	case after > b.most/100*tightAt:
		return tight
	}
	return open
}

// add counts what is written.
func (b *bound) add(bytes int64) {
	if b.written.Add(bytes) < b.most/measureAfter || b.most == 0 {
		return
	}
	select {
	case b.measure <- struct{}{}:
	default: // it is under way
	}
}

// look measures the log and makes room.
func (b *bound) look(ctx context.Context, room Room) error {
	if err := b.take(ctx, room); err != nil {
		return err
	}
	if b.size.Load() <= b.most/100*shrinkAt {
		return nil
	}
	if err := room.Shrink(ctx, b.most/100*shrinkAt); err != nil {
		return err
	}
	return b.take(ctx, room)
}

func (b *bound) take(ctx context.Context, room Room) error {
	before := b.written.Load()
	size, err := room.Size(ctx)
	if err != nil {
		return err
	}
	b.size.Store(size)
	b.written.Add(-before) // what was written meanwhile may be in both
	return nil
}
