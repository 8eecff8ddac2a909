package httpapi

import (
	"context"
	"time"

	"sespan/internal/apilog"
	"sespan/internal/stats"
)

type (
	// StatsOutcomes are calls that went well and that did not.
	StatsOutcomes struct {
		Success int64 `json:"success"`
		Failure int64 `json:"failure"`
	}
	// StatsCalls are calls and their outcomes.
	StatsCalls struct {
		Calls int64 `json:"calls"`
		StatsOutcomes
	}
	// StatsCallsByType are calls of each type.
	StatsCallsByType struct {
		OTP         int64 `json:"OTP"`
		Login       int64 `json:"Login"`
		Transaction int64 `json:"Transaction"`
		Report      int64 `json:"Report"`
		Admin       int64 `json:"Admin"`
	}
	// StatsOutcomesByType are outcomes of each type.
	StatsOutcomesByType struct {
		OTP         StatsOutcomes `json:"OTP"`
		Login       StatsOutcomes `json:"Login"`
		Transaction StatsOutcomes `json:"Transaction"`
		Report      StatsOutcomes `json:"Report"`
		Admin       StatsOutcomes `json:"Admin"`
	}
	statsLatency struct {
		P50 float64 `json:"p50"`
		P95 float64 `json:"p95"`
		P99 float64 `json:"p99"`
	}
)

type (
	apiHitsBucket struct {
		At time.Time `json:"at" doc:"Start of the bucket."`
		StatsCalls
		ByType StatsCallsByType `json:"by_type"`
	}
	apiHitsOfType struct {
		RequestType string `json:"request_type" enum:"OTP,Login,Transaction,Report,Admin"`
		StatsCalls
		LatencyMS *statsLatency `json:"latency_ms" doc:"Milliseconds that so many percent of the calls did not exceed, by linear interpolation in a histogram; 5000 stands for more. null without calls."`
	}
	apiHitsAnswer struct {
		StatsRange
		Buckets  []apiHitsBucket `json:"buckets" nullable:"false"`
		Total    StatsCalls      `json:"total"`
		Previous StatsCalls      `json:"previous"`
		Ever     StatsCalls      `json:"ever"`
		ByType   []apiHitsOfType `json:"by_type" nullable:"false"`
	}
	apiHitsResponse struct{ Body apiHitsAnswer }
)

type (
	outcomesBucket struct {
		At     time.Time           `json:"at" doc:"Start of the bucket."`
		ByType StatsOutcomesByType `json:"by_type"`
	}
	outcomesOfType struct {
		RequestType string `json:"request_type" enum:"OTP,Login,Transaction,Report,Admin"`
		StatsOutcomes
	}
	outcomesAnswer struct {
		StatsRange
		Buckets  []outcomesBucket `json:"buckets" nullable:"false"`
		Total    StatsOutcomes    `json:"total"`
		Previous StatsOutcomes    `json:"previous"`
		Ever     StatsOutcomes    `json:"ever"`
		ByType   []outcomesOfType `json:"by_type" nullable:"false"`
	}
	outcomesResponse struct{ Body outcomesAnswer }
)

func (h statsCalls) apiHits(ctx context.Context, in *statsRequest) (*apiHitsResponse, error) {
	r, err := h.rangeOf(in.StatsQuery, "step")
	if err != nil {
		return nil, err
	}
	sums, err := h.reader.APISums(ctx, r)
	if err != nil {
		return nil, err
	}
	out := apiHitsAnswer{
		StatsRange: rangeAnswer(r), Buckets: make([]apiHitsBucket, len(r.Starts)),
		Total:    callsIn(callsOnly(sums.Windows[stats.WindowRange])),
		Previous: callsIn(callsOnly(sums.Windows[stats.WindowPrevious])),
		Ever:     callsIn(callsOnly(sums.Windows[stats.WindowEver])),
	}
	for i, at := range r.Starts {
		b := sums.Buckets[i]
		of := func(t apilog.RequestType) int64 { return callsOf(b, t).Calls }
		out.Buckets[i] = apiHitsBucket{at, callsIn(b), StatsCallsByType{of(apilog.OTP), of(apilog.Login), of(apilog.Transaction), of(apilog.Report), of(apilog.Admin)}}
	}
	for _, t := range requestTypes() {
		all := sums.Windows[stats.WindowRange]
		out.ByType = append(out.ByType, apiHitsOfType{string(t), callsOf(callsOnly(all), t), latencyOf(all, t)})
	}
	return &apiHitsResponse{out}, nil
}

func (h statsCalls) outcomes(ctx context.Context, in *statsRequest) (*outcomesResponse, error) {
	r, err := h.rangeOf(in.StatsQuery, "step")
	if err != nil {
		return nil, err
	}
	sums, err := h.reader.APISums(ctx, r)
	if err != nil {
		return nil, err
	}
	out := outcomesAnswer{
		StatsRange: rangeAnswer(r), Buckets: make([]outcomesBucket, len(r.Starts)),
		Total:    callsIn(callsOnly(sums.Windows[stats.WindowRange])).StatsOutcomes,
		Previous: callsIn(callsOnly(sums.Windows[stats.WindowPrevious])).StatsOutcomes,
		Ever:     callsIn(callsOnly(sums.Windows[stats.WindowEver])).StatsOutcomes,
	}
	for i, at := range r.Starts {
		of := func(t apilog.RequestType) StatsOutcomes { return callsOf(sums.Buckets[i], t).StatsOutcomes }
		out.Buckets[i] = outcomesBucket{at, StatsOutcomesByType{of(apilog.OTP), of(apilog.Login), of(apilog.Transaction), of(apilog.Report), of(apilog.Admin)}}
	}
	for _, t := range requestTypes() {
		out.ByType = append(out.ByType, outcomesOfType{string(t), callsOf(callsOnly(sums.Windows[stats.WindowRange]), t).StatsOutcomes})
	}
	return &outcomesResponse{out}, nil
}

// callsOf gives the calls of one type.
func callsOf(all map[stats.APIKey]int64, t apilog.RequestType) StatsCalls {
	success := all[stats.APIKey{RequestType: string(t), Outcome: string(apilog.Success)}]
	failure := all[stats.APIKey{RequestType: string(t), Outcome: string(apilog.Failure)}]
	return StatsCalls{success + failure, StatsOutcomes{success, failure}}
}

// callsIn gives the calls of all types.
func callsIn(all map[stats.APIKey]int64) StatsCalls {
	var sum StatsCalls
	for _, t := range requestTypes() {
		one := callsOf(all, t)
		sum.Calls += one.Calls
		sum.Success += one.Success
		sum.Failure += one.Failure
	}
	return sum
}

// callsOnly leaves the latencies out.
func callsOnly(all map[stats.APIKey]stats.APICounts) map[stats.APIKey]int64 {
	calls := make(map[stats.APIKey]int64, len(all))
	for key, counts := range all {
		calls[key] = counts.Calls
	}
	return calls
}

func latencyOf(all map[stats.APIKey]stats.APICounts, t apilog.RequestType) *statsLatency {
	var h stats.Histogram
	for key, counts := range all {
		if key.RequestType == string(t) {
			h = h.Add(counts.Latency)
		}
	}
	p50, ok := h.Percentile(0.50)
	if !ok {
		return nil
	}
	p95, _ := h.Percentile(0.95)
	p99, _ := h.Percentile(0.99)
	return &statsLatency{p50, p95, p99}
}
