package httpapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"sespan/internal/stats"
)

type (
	// StatsCodes are events of one-time codes.
	StatsCodes struct {
		Issued   int64 `json:"issued" doc:"First codes of a challenge that were mailed."`
		Resent   int64 `json:"resent" doc:"Further ones."`
		Verified int64 `json:"verified"`
		Failed   int64 `json:"failed" doc:"Wrong guesses."`
		Locked   int64 `json:"locked" doc:"Challenges that were locked after too many of them."`
		Expired  int64 `json:"expired" doc:"Challenges that nobody verified in time."`
	}
	codesBucket struct {
		At time.Time `json:"at" doc:"Start of the bucket."`
		StatsCodes
		CumulativeIssued   int64 `json:"cumulative_issued" doc:"From the first code ever to the bucket's end."`
		CumulativeVerified int64 `json:"cumulative_verified"`
	}
	codesOfPurpose struct {
		Purpose string `json:"purpose" example:"registration"`
		StatsCodes
	}
	codesAnswer struct {
		StatsRange
		Buckets   []codesBucket    `json:"buckets" nullable:"false"`
		Total     StatsCodes       `json:"total"`
		Previous  StatsCodes       `json:"previous"`
		Ever      StatsCodes       `json:"ever"`
		ByPurpose []codesOfPurpose `json:"by_purpose" nullable:"false" doc:"Those that had an event in the range."`
	}
	codesResponse struct{ Body codesAnswer }
)

func (h statsCalls) otp(ctx context.Context, in *statsRequest) (*codesResponse, error) {
	r, err := h.rangeOf(in.StatsQuery, "step")
	if err != nil {
		return nil, err
	}
	sums, err := h.reader.OTPSums(ctx, r)
	if err != nil {
		return nil, err
	}
	codes := func(all map[string]stats.OTPCounts) StatsCodes { return StatsCodes(sumOf(all)) }
	out := codesAnswer{
		StatsRange: rangeAnswer(r), Buckets: make([]codesBucket, len(r.Starts)), ByPurpose: []codesOfPurpose{},
		Total:    codes(sums.Windows[stats.WindowRange]),
		Previous: codes(sums.Windows[stats.WindowPrevious]),
		Ever:     codes(sums.Windows[stats.WindowEver]),
	}
	all := sumOf(sums.Windows[stats.WindowBefore])
	for i, at := range r.Starts {
		b := sums.Buckets[i]
		all = all.Add(b)
		out.Buckets[i] = codesBucket{at, StatsCodes(b), all.Issued, all.Verified}
	}
	total := sums.Windows[stats.WindowRange]
	for _, purpose := range slices.Sorted(maps.Keys(total)) {
		out.ByPurpose = append(out.ByPurpose, codesOfPurpose{purpose, StatsCodes(total[purpose])})
	}
	return &codesResponse{out}, nil
}
