package stats

import "math"

// Bounds are the upper bounds of the histogram's bins, in milliseconds; the last bin
// has none.
func Bounds() []float64 { return []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000} }

// Histogram has the calls of each bin, not cumulative.
type Histogram [11]int64

// Add gives the sum.
func (h Histogram) Add(other Histogram) Histogram {
	for i, n := range other {
		h[i] += n
	}
	return h
}

// Percentile estimates a latency in milliseconds, to a tenth, by linear interpolation
// inside its bin: p is 0.95 for that which 95 % of the calls did not exceed. In the last
// bin it is that bin's lower bound; false without calls.
func (h Histogram) Percentile(p float64) (ms float64, ok bool) {
	var all int64
	for _, n := range h {
		all += n
	}
	if all <= 0 {
		return 0, false
	}
	rank, below, lower := p*float64(all), 0.0, 0.0
	for i, upper := range Bounds() {
		n := float64(h[i])
		if n > 0 && below+n >= rank {
			return math.Round(10*(lower+(upper-lower)*(rank-below)/n)) / 10, true
		}
		below, lower = below+n, upper
	}
	return lower, true
}
