package httpapi

import (
	"context"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"sespan/internal/stats"
	"sespan/internal/transaction"
)

type (
	// StatsDraws are draws and cancellations; money as decimal strings.
	StatsDraws struct {
		Draws             int64  `json:"draws"`
		Wins              int64  `json:"wins" doc:"Draws that got a discount."`
		Capped            int64  `json:"capped" doc:"Draws that would have won, but for a limit of the tier."`
		Amount            string `json:"amount" example:"150000.00" doc:"What the orders cost without discounts."`
		Discount          string `json:"discount" example:"15000.00"`
		Cancelled         int64  `json:"cancelled" doc:"Transactions cancelled in this time, whenever they were drawn."`
		CancelledAmount   string `json:"cancelled_amount" example:"0.00"`
		CancelledDiscount string `json:"cancelled_discount" example:"0.00"`
	}
	drawsBucket struct {
		At time.Time `json:"at" doc:"Start of the bucket."`
		StatsDraws
	}
	drawsOfTier struct {
		TierID *int64  `json:"tier_id" doc:"null: no tier matched."`
		Name   *string `json:"name" doc:"Of a deleted tier its last one."`
		StatsDraws
		ObservedRate *string       `json:"observed_rate" example:"0.251000" doc:"(wins + capped) / draws; null without draws."`
		Interval     *rateInterval `json:"interval" doc:"95 % interval of the observed rate (Wilson); null without draws."`
		PromisedRate *string       `json:"promised_rate" example:"0.250000" doc:"Mean probability of the draws; null without draws."`
	}
	rateInterval struct {
		Low  string `json:"low" example:"0.249152"`
		High string `json:"high" example:"0.250850"`
	}
	drawsAnswer struct {
		StatsRange
		Buckets  []drawsBucket `json:"buckets" nullable:"false"`
		Total    StatsDraws    `json:"total"`
		Previous StatsDraws    `json:"previous"`
		Ever     StatsDraws    `json:"ever"`
		Tiers    []drawsOfTier `json:"tiers" nullable:"false" doc:"Those that had a draw or a cancellation in the range, and at last those without a tier."`
	}
	drawsResponse struct{ Body drawsAnswer }
)

func (h statsCalls) transactions(ctx context.Context, in *statsRequest) (*drawsResponse, error) {
	r, err := h.rangeOf(in.StatsQuery, "step")
	if err != nil {
		return nil, err
	}
	sums, names, err := h.reader.TransactionSums(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	draws := func(all map[int64]stats.TransactionCounts) StatsDraws { return drawsOf(sumOf(all), h.minor) }
	out := drawsAnswer{
		StatsRange: rangeAnswer(r), Buckets: make([]drawsBucket, len(r.Starts)), Tiers: []drawsOfTier{},
		Total:    draws(sums.Windows[stats.WindowRange]),
		Previous: draws(sums.Windows[stats.WindowPrevious]),
		Ever:     draws(sums.Windows[stats.WindowEver]),
	}
	for i, at := range r.Starts {
		out.Buckets[i] = drawsBucket{at, drawsOf(sums.Buckets[i], h.minor)}
	}
	all := sums.Windows[stats.WindowRange]
	for _, id := range tierIDs(all) {
		out.Tiers = append(out.Tiers, tierDraws(id, names, all[id], h.minor))
	}
	return &drawsResponse{out}, nil
}

func drawsOf(c stats.TransactionCounts, minor transaction.Minor) StatsDraws {
	return StatsDraws{
		c.Draws, c.Wins, c.Capped, moneyOf(c.Amount, minor), moneyOf(c.Discount, minor),
		c.Cancelled, moneyOf(c.CancelledAmount, minor), moneyOf(c.CancelledDiscount, minor),
	}
}

// moneyOf writes at least the minor unit's decimals: sums from before the unit was
// changed may have more.
func moneyOf(d decimal.Decimal, minor transaction.Minor) string {
	if d.Equal(d.Truncate(int32(minor))) {
		return minor.Format(d)
	}
	return d.String()
}

// tierIDs gives the tiers in their order, those without a tier at last.
func tierIDs(all map[int64]stats.TransactionCounts) []int64 {
	ids := make([]int64, 0, len(all))
	for id := range all {
		if id != stats.NoTier {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if _, some := all[stats.NoTier]; some {
		ids = append(ids, stats.NoTier)
	}
	return ids
}

func tierDraws(id int64, names map[int64]string, c stats.TransactionCounts, minor transaction.Minor) drawsOfTier {
	out := drawsOfTier{StatsDraws: drawsOf(c, minor)}
	out.TierID, out.Name = tierOf(id, names)
	if c.Draws <= 0 {
		return out
	}
	below := c.Wins + c.Capped
	observed, _ := stats.Rate(decimal.NewFromInt(below), c.Draws)
	promised, _ := stats.Rate(c.Promised, c.Draws)
	low, high, _ := stats.Wilson(below, c.Draws)
	out.ObservedRate, out.PromisedRate, out.Interval = &observed, &promised, &rateInterval{low, high}
	return out
}

// tierOf gives id and name of a tier as answers have them.
func tierOf(id int64, names map[int64]string) (tierID *int64, name *string) {
	if id == stats.NoTier {
		return nil, nil
	}
	if known, ok := names[id]; ok {
		name = &known
	}
	return &id, name
}
