package transaction

import (
	"regexp"

	"github.com/shopspring/decimal"

	"sespan/internal/problem"
)

// Minor is the number of decimals of the site's money: 2 for cents, 0 for none.
type Minor int32

// MaxMinor is the largest Minor that the database keeps.
const MaxMinor Minor = 4

var (
	amountPattern  = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,4}0*)?$`)
	decimalPattern = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,18})?$`)
)

// maxAmount is how long an amount may be, with the zeros that change nothing.
const maxAmount = 40

// Amount reads what an order costs: a plain decimal such as "150000.00" with at
// most 15 digits before the point, 0 or more, in whole minor units; zeros at its end
// change nothing. The bridge has the same rule, and both its vectors. The error
// is a sentence about the value.
func (m Minor) Amount(s string) (decimal.Decimal, error) {
	if len(s) > maxAmount || !amountPattern.MatchString(s) {
		return decimal.Decimal{}, problem.New(problem.Invalid, "An amount is a decimal string such as \"150000.00\" with at most 15 digits before the point.")
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, problem.New(problem.Invalid, "An amount is a decimal string such as \"150000.00\".")
	}
	return d, m.checkAmount(d)
}

func (m Minor) checkAmount(d decimal.Decimal) error {
	switch {
	case d.IsNegative():
		return problem.New(problem.Invalid, "An amount is 0 or more.")
	case d.GreaterThanOrEqual(decimal.New(1, 15)):
		return problem.New(problem.Invalid, "An amount is less than 10^15.")
	case !d.Equal(d.Truncate(int32(m))):
		return problem.Newf(problem.Invalid, "An amount has at most %d decimals.", m)
	}
	return nil
}

// Format writes money with exactly the minor unit's decimals.
func (m Minor) Format(d decimal.Decimal) string { return d.StringFixed(int32(m)) }

// Decimal reads a plain decimal of a tier: no sign, no exponent, at most 18
// digits on either side of the point.
func Decimal(s string) (decimal.Decimal, error) {
	if !decimalPattern.MatchString(s) {
		return decimal.Decimal{}, problem.New(problem.Invalid, "A number is a plain decimal string such as \"0.25\", without sign or exponent.")
	}
	return decimal.NewFromString(s)
}
