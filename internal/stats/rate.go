package stats

import (
	"math"

	"github.com/shopspring/decimal"
)

// rateDecimals are the decimals of a rate.
const rateDecimals = 6

// Rate gives part / whole, false where the whole is none.
func Rate(part decimal.Decimal, whole int64) (string, bool) {
	if whole <= 0 {
		return "", false
	}
	return part.DivRound(decimal.NewFromInt(whole), rateDecimals).StringFixed(rateDecimals), true
}

// Wilson gives the 95 % interval of an observed rate (E. B. Wilson, 1927: Probable
// inference, the law of succession, and statistical inference; without correction for
// continuity), false without tries. It is an estimate: floats will do.
func Wilson(hits, tries int64) (low, high string, ok bool) {
	if tries <= 0 {
		return "", "", false
	}
	const z = 1.959963984540054 // of 95 %, two-sided
	n := float64(tries)
	p := min(max(float64(hits)/n, 0), 1)
	middle := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	whole := 1 + z*z/n
	return rate((middle - half) / whole), rate((middle + half) / whole), true
}

func rate(x float64) string {
	return decimal.NewFromFloat(min(max(x, 0), 1)).StringFixed(rateDecimals)
}

// Promised gives the sum of probabilities of a sum of thresholds: floor(probability · 2^64).
func Promised(thresholds decimal.Decimal) decimal.Decimal {
	const digits = 20
	return thresholds.DivRound(decimal.NewFromInt(1<<32).Mul(decimal.NewFromInt(1<<32)), digits)
}
