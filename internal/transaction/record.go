package transaction

import (
	"cmp"
	"context"
	"time"

	"github.com/shopspring/decimal"
)

// Record is a transaction as it stands in the log.
type Record struct {
	ID               int64
	CustomerID       int64
	Username         *string // as it was at that time
	OrderRef         string
	TierID           *int64  // nil: no tier matched
	TierName         *string // of a deleted tier its last one
	Discounted       bool
	CappedBy         *string // the limit that turned the win into a loss
	Amount           decimal.Decimal
	DiscountedAmount decimal.Decimal
	Time             time.Time
	CancelledAt      *time.Time
}

// Discount is what the customer saved.
func (r Record) Discount() decimal.Decimal { return r.Amount.Sub(r.DiscountedAmount) }

// RecordDetail is a record with what proves its draw.
type RecordDetail struct {
	Record
	Version       int
	Epoch         time.Time // midnight UTC of the day
	Number        decimal.Decimal
	Threshold     *decimal.Decimal // nil without a tier
	ClientNonce   string
	SeedHash      []byte // nil where the day's seed was made anew
	Seed          []byte // nil before it is published
	InheritedFrom *int64 // the cancelled transaction whose number this one has
}

// NoTier is the TierID of a Filter for transactions without a tier.
const NoTier int64 = 0

// Filter says which records are wanted; what is nil or zero is open.
type Filter struct {
	From, To   time.Time // From <= time < To
	CustomerID *int64
	TierID     *int64
	Discounted *bool
	Cancelled  *bool
	OrderRef   string
}

// matches tells whether the record has the properties; the times are the store's.
func (f Filter) matches(r Record) bool {
	return (f.CustomerID == nil || *f.CustomerID == r.CustomerID) &&
		(f.TierID == nil || *f.TierID == *cmp.Or(r.TierID, new(NoTier))) &&
		(f.Discounted == nil || *f.Discounted == r.Discounted) &&
		(f.Cancelled == nil || *f.Cancelled == (r.CancelledAt != nil)) &&
		(f.OrderRef == "" || f.OrderRef == r.OrderRef)
}

// Position is the place of a record in the order of time.
type Position struct {
	Time time.Time
	ID   int64
}

func (r Record) position() Position { return Position{r.Time, r.ID} }

// RecordStore keeps the transactions. Errors: problem.UnknownTransaction.
type RecordStore interface {
	// RecordPage gives at most n records before the position, newest first. There may
	// be some among them that the filter does not want: those that no index leaves out.
	RecordPage(ctx context.Context, f Filter, before Position, n int) ([]Record, error)
	RecordByID(ctx context.Context, id int64) (RecordDetail, error)
	// RecordCancel cancels the transaction, if that was not done before.
	RecordCancel(ctx context.Context, id int64) error
}

// Records finds and cancels transactions.
type Records struct{ store RecordStore }

// NewRecords makes the service.
func NewRecords(store RecordStore) *Records { return &Records{store} }

const (
	scanRows   = 2000 // in one step, where an index alone does not find what is wanted
	scanRounds = 5
)

// RecordPage is a page of a list. Next is nil at its end.
type RecordPage struct {
	Records []Record
	Next    *Position
}

// Find gives at most n records before the position, newest first. A page looks at a
// bounded number of rows: it may hold less than n, even nothing, and have a next one.
func (s *Records) Find(ctx context.Context, f Filter, before *Position, n int) (RecordPage, error) {
	var page RecordPage
	at, rows := Position{Time: f.To, ID: 0}, n+1
	if before != nil {
		at = *before
	}
	for range scanRounds {
		found, err := s.store.RecordPage(ctx, f, at, rows)
		if err != nil {
			return RecordPage{}, err
		}
		for _, r := range found {
			if !f.matches(r) {
				continue
			}
			if len(page.Records) == n {
				last := page.Records[n-1].position()
				page.Next = &last
				return page, nil
			}
			page.Records = append(page.Records, r)
		}
		if len(found) < rows {
			return page, nil
		}
		at, rows = found[len(found)-1].position(), scanRows
	}
	page.Next = &at
	return page, nil
}

// ByID gives one transaction. Errors: problem.UnknownTransaction.
func (s *Records) ByID(ctx context.Context, id int64) (RecordDetail, error) {
	return s.store.RecordByID(ctx, id)
}

// Cancel cancels a transaction and gives it as it is then; one that was cancelled before
// stays as it is. Errors: problem.UnknownTransaction.
func (s *Records) Cancel(ctx context.Context, id int64) (Record, error) {
	if err := s.store.RecordCancel(ctx, id); err != nil {
		return Record{}, err
	}
	detail, err := s.store.RecordByID(ctx, id)
	return detail.Record, err
}
