package mail

import (
	"context"
	"time"
)

const (
	fallbackEvery = time.Second      // between two looks
	fallbackFor   = 30 * time.Second // after the last look that wanted it
	fallbackGrace = 3 * time.Second  // of a start: announcers may start with the worker
)

// Fallback says whether rows wait that no broker brings.
type Fallback struct {
	Urgent bool
	Others bool
	Reason string // for the log
}

// fallback has the worker claim from the database too while the database shows that a
// broker does not bring what is ready: not a connection decides, because a broker may take
// connections and nothing else.
type fallback struct {
	w       *Worker
	metrics *consumerMetrics
	begun   time.Time
	urgent  time.Time          // when it was last wanted for the urgent lane
	others  time.Time          // and for the others
	cancel  context.CancelFunc // nil: it is off
	ended   chan struct{}
}

func newFallback(w *Worker, m *consumerMetrics) *fallback { return &fallback{w: w, metrics: m} }

// look asks the database, and switches the fallback on or off.
func (f *fallback) look(ctx context.Context) {
	now := f.w.Now()
	if f.begun.IsZero() {
		f.begun = now
	}
	if now.Sub(f.begun) < fallbackGrace {
		return
	}
	asking, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	state, err := f.w.Announced.Fallback(asking)
	if err != nil {
		if ctx.Err() == nil {
			f.w.log.WarnContext(ctx, "mail: whether the broker brings all cannot be told", "err", err)
		}
		return
	}
	if state.Urgent {
		f.urgent = now
	}
	if state.Others {
		f.others = now
	}
	state.Urgent, state.Others = now.Sub(f.urgent) < fallbackFor, now.Sub(f.others) < fallbackFor
	f.metrics.fallback(state)
	if state.Urgent || state.Others {
		f.start(ctx, state.Reason)
	} else {
		f.stop(ctx)
	}
}

// start has the database's dispatcher work beside the broker's.
func (f *fallback) start(ctx context.Context, reason string) {
	if f.cancel != nil {
		return
	}
	f.w.log.WarnContext(ctx, "mail: claiming from the database too", "reason", reason)
	ctx, f.cancel = context.WithCancel(ctx)
	f.ended = make(chan struct{})
	go func() {
		defer close(f.ended)
		d := newDatabaseDispatcher(f.w)
		d.Dispatch(ctx)
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		if err := d.Leave(leaving); err != nil {
			f.w.log.WarnContext(leaving, "mail: inserts stay silent for a moment", "err", err)
		}
	}()
}

// stop waits until it has ended.
func (f *fallback) stop(ctx context.Context) {
	if f.cancel == nil {
		return
	}
	f.cancel()
	<-f.ended
	f.cancel = nil
	if ctx.Err() == nil {
		f.w.log.InfoContext(ctx, "mail: the broker brings all again; no longer claiming from the database")
	}
}
