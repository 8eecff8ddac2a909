package transaction

import (
	"context"
	"time"
)

// Entry is a line of an export: a draw at its time, or a cancellation at its own.
type Entry struct {
	Record
	Cancellation bool
}

// At is the moment of the entry.
func (e Entry) At() time.Time {
	if e.Cancellation {
		return *e.CancelledAt
	}
	return e.Time
}

// EntryStore reads the entries of exports, oldest first, each page by itself: nothing
// is held between two of them. As with RecordStore there may be some in a page that the
// filter does not want.
type EntryStore interface {
	// Settled is a moment before which every draw and cancellation is over.
	Settled(ctx context.Context) (time.Time, error)
	DrawsAfter(ctx context.Context, f Filter, after Position, n int) ([]Record, error)
	// CancellationsAfter goes by CancelledAt.
	CancellationsAfter(ctx context.Context, f Filter, after Position, n int) ([]Record, error)
}

// Exports makes exports.
type Exports struct{ store EntryStore }

// NewExports makes the service.
func NewExports(store EntryStore) *Exports { return &Exports{store} }

// exportPage is how many rows are read at once; no more than twice as many are kept.
const exportPage = 2000

// Export is the entries of [From, Until) that a filter wants.
type Export struct {
	Until  time.Time // nothing before it will appear any more
	store  EntryStore
	filter Filter
}

// Begin fixes the end of an export: f.To, or where that is not over yet the last moment
// before which every draw and cancellation is.
func (s *Exports) Begin(ctx context.Context, f Filter) (*Export, error) {
	settled, err := s.store.Settled(ctx)
	if err != nil {
		return nil, err
	}
	if f.To.IsZero() || settled.Before(f.To) {
		f.To = settled
	}
	return &Export{Until: f.To, store: s.store, filter: f}, nil
}

// Each gives all entries to write, in order and page by page, until one fails.
func (e *Export) Each(ctx context.Context, write func([]Entry) error) error {
	draws := source{read: e.store.DrawsAfter, filter: e.filter, after: Position{Time: e.filter.From}}
	cancellations := source{read: e.store.CancellationsAfter, filter: e.filter, after: Position{Time: e.filter.From}, cancellations: true}
	batch := make([]Entry, 0, exportPage)
	for {
		draw, err := draws.next(ctx)
		if err != nil {
			return err
		}
		cancellation, err := cancellations.next(ctx)
		if err != nil {
			return err
		}
		switch {
		case draw == nil && cancellation == nil:
			return write(batch)
		case cancellation == nil, draw != nil && !draw.At().After(cancellation.At()):
			batch = append(batch, *draw)
			draws.pop()
		default:
			batch = append(batch, *cancellation)
			cancellations.pop()
		}
		if len(batch) == exportPage {
			if err := write(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
}

// source is one kind of entries, read ahead by a page.
type source struct {
	read          func(context.Context, Filter, Position, int) ([]Record, error)
	filter        Filter
	after         Position
	cancellations bool
	page          []Entry
	ended         bool
}

// next gives the first entry that was not popped; nil at the end.
func (s *source) next(ctx context.Context) (*Entry, error) {
	for len(s.page) == 0 && !s.ended {
		records, err := s.read(ctx, s.filter, s.after, exportPage)
		if err != nil {
			return nil, err
		}
		s.ended = len(records) < exportPage
		s.page = make([]Entry, 0, len(records))
		for _, r := range records {
			entry := Entry{r, s.cancellations}
			s.after = Position{entry.At(), r.ID}
			if s.filter.matches(r) {
				s.page = append(s.page, entry)
			}
		}
	}
	if len(s.page) == 0 {
		return nil, nil //nolint:nilnil // the end is no failure
	}
	return &s.page[0], nil
}

func (s *source) pop() { s.page = s.page[1:] }
