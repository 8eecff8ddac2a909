package stats

import (
	"context"

	"github.com/shopspring/decimal"
)

// Sums are counts of the buckets of a range, and by a key of closed dimensions those of
// its windows.
type Sums[B any, K comparable, C any] struct {
	Buckets []B // one for each of Range.Starts
	Windows [int(windows)]map[K]C
}

// NewSums makes empty ones for a range.
func NewSums[B any, K comparable, C any](r Range) Sums[B, K, C] {
	s := Sums[B, K, C]{Buckets: make([]B, len(r.Starts))}
	for i := range s.Windows {
		s.Windows[i] = map[K]C{}
	}
	return s
}

// APIKey are the dimensions of API hits.
type APIKey struct{ RequestType, Outcome string }

// APICounts are calls and their latencies.
type APICounts struct {
	Calls   int64
	Latency Histogram
}

// MailCounts are mails by what became of them.
type MailCounts struct {
	Sent, Dead, Expired, Suppressed, Cancelled, Retried int64
}

// What a Reader gives.
type (
	// APISums are calls by type and outcome.
	APISums = Sums[map[APIKey]int64, APIKey, APICounts]
	// OTPSums are events by purpose.
	OTPSums = Sums[OTPCounts, string, OTPCounts]
	// TransactionSums are draws and cancellations by tier.
	TransactionSums = Sums[TransactionCounts, int64, TransactionCounts]
	// MailSums are mails by outcome.
	MailSums = Sums[MailCounts, string, int64]
)

// OTPCounts are events of one-time codes; of one purpose or all.
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

// TransactionCounts are draws and cancellations; of one tier or all.
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

// Reader reads the counts of a range, all of one call from one snapshot.
type Reader interface {
	APISums(ctx context.Context, r Range) (APISums, error)
	OTPSums(ctx context.Context, r Range) (OTPSums, error)
	// TransactionSums gives the buckets of one tier, or of all where it is nil, and what
	// the tiers are called, or were when they were deleted.
	TransactionSums(ctx context.Context, r Range, tier *int64) (TransactionSums, map[int64]string, error)
	MailSums(ctx context.Context, r Range) (MailSums, error)
}
