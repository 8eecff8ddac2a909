package stats

import (
	"context"

	"github.com/shopspring/decimal"
)

// Sums are counts by a key of closed dimensions: of each bucket of a range, and of the
// windows.
type Sums[K comparable, C any] struct {
	Buckets []map[K]C // one for each of Range.Starts
	Windows [int(windows)]map[K]C
}

// NewSums makes empty ones for a range.
func NewSums[K comparable, C any](r Range) Sums[K, C] {
	s := Sums[K, C]{Buckets: make([]map[K]C, len(r.Starts))}
	for i := range s.Windows {
		s.Windows[i] = map[K]C{}
	}
	return s
}

// Set puts the counts of a key into a bucket.
func (s *Sums[K, C]) Set(bucket int, key K, counts C) {
	if s.Buckets[bucket] == nil {
		s.Buckets[bucket] = map[K]C{}
	}
	s.Buckets[bucket][key] = counts
}

// APIKey are the dimensions of API hits.
type APIKey struct{ RequestType, Outcome string }

// APICounts are calls; the latencies only in windows.
type APICounts struct {
	Calls   int64
	Latency Histogram
}

// OTPCounts are events of one-time codes; their key is the purpose.
type OTPCounts struct {
	Issued, Resent, Verified, Failed, Locked, Expired int64
}

// Add gives the sum.
func (a OTPCounts) Add(b OTPCounts) OTPCounts {
	return OTPCounts{
		a.Issued + b.Issued, a.Resent + b.Resent, a.Verified + b.Verified,
		a.Failed + b.Failed, a.Locked + b.Locked, a.Expired + b.Expired,
	}
}

// NoTier is the key of draws that no tier matched.
const NoTier int64 = 0

// TransactionCounts are draws and cancellations; their key is the tier, or NoTier.
type TransactionCounts struct {
	Draws, Wins, Capped                int64
	Promised                           decimal.Decimal // sum of the probabilities
	Amount, Discount                   decimal.Decimal
	Cancelled, CancelledWins           int64
	CancelledAmount, CancelledDiscount decimal.Decimal
}

// Add gives the sum.
func (a TransactionCounts) Add(b TransactionCounts) TransactionCounts {
	return TransactionCounts{
		Draws: a.Draws + b.Draws, Wins: a.Wins + b.Wins, Capped: a.Capped + b.Capped,
		Promised: a.Promised.Add(b.Promised), Amount: a.Amount.Add(b.Amount), Discount: a.Discount.Add(b.Discount),
		Cancelled: a.Cancelled + b.Cancelled, CancelledWins: a.CancelledWins + b.CancelledWins,
		CancelledAmount: a.CancelledAmount.Add(b.CancelledAmount), CancelledDiscount: a.CancelledDiscount.Add(b.CancelledDiscount),
	}
}

// Reader reads the counts of a range, all of one call from one snapshot. The key of
// mails is their outcome.
type Reader interface {
	APISums(ctx context.Context, r Range) (Sums[APIKey, APICounts], error)
	OTPSums(ctx context.Context, r Range) (Sums[string, OTPCounts], error)
	TransactionSums(ctx context.Context, r Range) (Sums[int64, TransactionCounts], map[int64]string, error)
	MailSums(ctx context.Context, r Range) (Sums[string, int64], error)
}
