package postgres

import (
	"math/big"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
)

// numericOf and decimalOf convert exactly; no float comes near money.
func numericOf(d decimal.Decimal) pgtype.Numeric {
	return pgtype.Numeric{Int: d.Coefficient(), Exp: d.Exponent(), Valid: true}
}

func numericOrNull(d *decimal.Decimal) pgtype.Numeric {
	if d == nil {
		return pgtype.Numeric{}
	}
	return numericOf(*d)
}

func numericOfNumber(n uint64) pgtype.Numeric {
	return pgtype.Numeric{Int: new(big.Int).SetUint64(n), Valid: true}
}

// decimalOf reads a column whose CHECK refuses NaN and Infinity.
func decimalOf(n pgtype.Numeric) decimal.Decimal { return decimal.NewFromBigInt(n.Int, n.Exp) }

func decimalOrNil(n pgtype.Numeric) *decimal.Decimal {
	if !n.Valid {
		return nil
	}
	d := decimalOf(n)
	return &d
}
