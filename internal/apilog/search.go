package apilog

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// Filter says which rows of the log are wanted; what is nil or zero is open.
type Filter struct {
	From, To   time.Time // From <= time requested < To
	ResponseID *uuid.UUID
	CustomerID *int64
	IP         netip.Addr
	Type       RequestType
	Status     int
	Outcome    Outcome
}

// Row is a call without its headers and bodies.
type Row struct {
	ResponseID    uuid.UUID
	Requested     time.Time
	Elapsed       time.Duration
	Type          RequestType
	Method, Path  string // of the request line, "" where it was not kept
	Status        int
	Outcome       Outcome
	StatusDetails string
	IP            netip.Addr // the zero Addr for unknown
	CustomerID    *int64
	StandsFor     int
}

// RowDetail is a row with its headers (JSON objects) and bodies, redacted as they were
// stored.
type RowDetail struct {
	Row
	RequestHeader, RequestBody   string
	ResponseHeader, ResponseBody string
	Responded                    time.Time
}

// Position is the place of a row in the order of time.
type Position struct {
	Time time.Time
	ID   uuid.UUID
}

// Index is what a search walks along.
type Index string

// The closed list of indexes; ByTime is for what most rows have.
const (
	ByTime     Index = "time"
	ByCustomer Index = "customer"
	ByIP       Index = "ip"
	ByStatus   Index = "status"
	ByType     Index = "type"
)

// What one search looks at: rows of the log's order, or of another index, where they lie
// scattered; and for how long it goes on to older days.
const (
	maxWalk          = 20_000
	maxScatteredWalk = 4_000
	maxTime          = 100 * time.Millisecond
	firstSpan        = 24 * time.Hour
)

// clockSlack is how far the time in a response id and that of its row may lie apart.
const clockSlack = 5 * time.Second

// defaultDays is the range where none is given.
const defaultDays = 7

// SearchStore reads the log. Errors: problem.UnknownLogRow of RowByID.
type SearchStore interface {
	// RowPage walks back along the index from the position, over walk rows at most, and
	// gives the first n that match. end is where the walk ended at its bound, nil
	// where it did not come so far.
	RowPage(ctx context.Context, along Index, f Filter, before Position, walk, n int) (rows []Row, end *Position, err error)
	// RowByID finds a row requested in [from, to].
	RowByID(ctx context.Context, id uuid.UUID, from, to time.Time) (RowDetail, error)
}

// Page is a part of a list, newest first.
type Page struct {
	Rows []Row
	Next *Position // where the list goes on; nil at its end
}

// Search finds rows of the log.
type Search struct {
	store SearchStore
	clock func() time.Time
}

// NewSearch makes it.
func NewSearch(store SearchStore, clock func() time.Time) *Search { return &Search{store, clock} }

// Find gives at most n rows before the position, newest first; nil begins at the newest.
// A page looks at a bounded number of rows: it may be short, or empty, and yet have a
// next one.
func (s *Search) Find(ctx context.Context, f Filter, before *Position, n int) (Page, error) {
	f = s.bounded(f)
	start := Position{f.To, uuid.Nil}
	if before != nil && before.Time.Before(f.To) {
		start = *before
	}
	return s.backwards(ctx, f, start, n)
}

// backwards looks through one day, then two, four and so on: most searches end within
// the first partitions of the log, and no others are opened.
func (s *Search) backwards(ctx context.Context, f Filter, start Position, n int) (Page, error) {
	along, walk := indexOf(f)
	began, page := s.clock(), Page{Rows: []Row{}}
	for span := firstSpan; ; span *= 2 {
		part := f
		if from := start.Time.Add(-span); from.After(f.From) {
			part.From = from
		}
		rows, end, err := s.store.RowPage(ctx, along, part, start, walk, n-len(page.Rows))
		if err != nil {
			return Page{}, err
		}
		page.Rows = append(page.Rows, rows...)
		start = Position{part.From, uuid.Nil}
		switch {
		case len(page.Rows) == n:
			last := page.Rows[n-1]
			page.Next = &Position{last.Requested, last.ResponseID}
			return page, nil
		case end != nil:
			page.Next = end
			return page, nil
		case !part.From.After(f.From):
			return page, nil
		case s.clock().Sub(began) > maxTime:
			page.Next = &start
			return page, nil
		}
	}
}

// ByID finds one row by the id of its answer, which begins with the time. Errors:
// problem.UnknownLogRow.
func (s *Search) ByID(ctx context.Context, id uuid.UUID) (RowDetail, error) {
	at := TimeOf(id)
	return s.store.RowByID(ctx, id, at.Add(-clockSlack), at.Add(clockSlack))
}

// bounded gives the filter its range: that of the id, or the last days.
func (s *Search) bounded(f Filter) Filter {
	whole := f.From.IsZero() && f.To.IsZero()
	if latest := s.clock().Add(clockSlack); f.To.IsZero() || f.To.After(latest) {
		f.To = latest
	}
	switch {
	case f.ResponseID != nil:
		at := TimeOf(*f.ResponseID)
		if whole || f.From.Before(at.Add(-clockSlack)) {
			f.From = at.Add(-clockSlack)
		}
		if last := at.Add(clockSlack); whole || f.To.After(last) {
			f.To = last
		}
	case f.From.IsZero():
		f.From = f.To.AddDate(0, 0, -defaultDays)
	}
	return f
}

// indexOf chooses the index whose walk is shortest.
func indexOf(f Filter) (along Index, walk int) {
	switch {
	case f.ResponseID != nil:
		return ByTime, maxWalk
	case f.CustomerID != nil:
		return ByCustomer, maxScatteredWalk
	case f.IP.IsValid():
		return ByIP, maxScatteredWalk
	case f.Status != 0 && f.Status != 200 && f.Status != 201 && f.Status != 202:
		return ByStatus, maxScatteredWalk
	case f.Type == Report || f.Type == Admin:
		return ByType, maxScatteredWalk
	}
	return ByTime, maxWalk
}

// TimeOf gives the time in a version 7 UUID, to the millisecond (RFC 9562, 5.7).
func TimeOf(id uuid.UUID) time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}
