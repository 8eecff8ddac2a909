package httpapi

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/shopspring/decimal"

	"sespan/internal/problem"
	"sespan/internal/transaction"
)

// TierBody is what a caller says of a tier; a limit that is left out or null is
// open, but for the draws of a customer. Exported because huma overlooks embedded types that are not.
type TierBody struct {
	Name               string     `json:"name" minLength:"1" maxLength:"100" example:"Gold"`
	MinimumTransaction *string    `json:"minimum_transaction,omitempty" nullable:"true" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"100000.00" doc:"Smallest amount of the tier."`
	MaximumTransaction *string    `json:"maximum_transaction,omitempty" nullable:"true" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"500000.00" doc:"First amount above the tier."`
	Probability        string     `json:"probability" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"0.25" doc:"Chance to win, 0 to 1, at most 18 decimals."`
	Discount           string     `json:"discount" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"0.1" doc:"Fraction of the amount that a winner saves, 0 to 1, at most 6 decimals."`
	IsActive           *bool      `json:"is_active,omitempty" nullable:"true" doc:"Only active tiers are drawn; true when left out."`
	StartsAt           *time.Time `json:"starts_at,omitempty" nullable:"true" doc:"First moment of the tier."`
	EndsAt             *time.Time `json:"ends_at,omitempty" nullable:"true" doc:"First moment after the tier."`
	MaximumDiscount    *string    `json:"maximum_discount,omitempty" nullable:"true" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"50000.00" doc:"Most money that one winner saves."`
	BudgetAmount       *string    `json:"budget_amount,omitempty" nullable:"true" pattern:"^[0-9]{1,18}(\\.[0-9]{1,18})?$" example:"10000000.00" doc:"Most money that all winners together save, counted from when the budget was set."`
	BudgetUses         *int64     `json:"budget_uses,omitempty" nullable:"true" minimum:"0" doc:"Most winners, counted from when the budget was set."`
	PerCustomerUses    *int32     `json:"per_customer_uses,omitempty" nullable:"true" minimum:"0" doc:"Most wins of one customer."`
	PerCustomerDraws   DrawLimit  `json:"per_customer_draws,omitempty" doc:"Most draws of one customer on one UTC day; later ones cannot win. 3 when left out; null is no limit: then a customer who goes on changing the cart wins at last."`
}

// DrawLimit tells a limit that is left out, which is the usual one, from null, which is
// none. Exported because huma names its schema.
type DrawLimit struct {
	given bool
	limit *int32
}

// UnmarshalJSON is called for whatever was given, null too.
func (l *DrawLimit) UnmarshalJSON(raw []byte) error {
	l.given = true
	return json.Unmarshal(raw, &l.limit)
}

// Schema describes it to callers.
func (DrawLimit) Schema(huma.Registry) *huma.Schema {
	least := 0.0
	return &huma.Schema{Type: huma.TypeInteger, Format: "int32", Nullable: true, Minimum: &least, Default: transaction.DefaultPerCustomerDraws}
}

func (l DrawLimit) value() *int32 {
	if l.given {
		return l.limit
	}
	usual := int32(transaction.DefaultPerCustomerDraws)
	return &usual
}

// tierInSet is a tier of PUT /v1/tiers.
type tierInSet struct {
	TierID int64 `json:"tier_id,omitempty" minimum:"1" doc:"The tier to change; a tier without it is made."`
	TierBody
}

// tierAnswer is a tier as it is stored.
type tierAnswer struct {
	TierID             int64      `json:"tier_id"`
	Name               string     `json:"name"`
	MinimumTransaction *string    `json:"minimum_transaction" example:"100000.00"`
	MaximumTransaction *string    `json:"maximum_transaction" example:"500000.00"`
	Probability        string     `json:"probability" example:"0.25"`
	Discount           string     `json:"discount" example:"0.1"`
	IsActive           bool       `json:"is_active"`
	StartsAt           *time.Time `json:"starts_at"`
	EndsAt             *time.Time `json:"ends_at"`
	MaximumDiscount    *string    `json:"maximum_discount" example:"50000.00"`
	BudgetAmount       *string    `json:"budget_amount" example:"10000000.00"`
	BudgetUses         *int64     `json:"budget_uses"`
	PerCustomerUses    *int32     `json:"per_customer_uses"`
	PerCustomerDraws   *int32     `json:"per_customer_draws"`
	CreatedAt          time.Time  `json:"created_at"`
	UpdatedAt          time.Time  `json:"updated_at"`
}

// prefixField puts a prefix before the field of a problem, the place of the property.
func prefixField(err error, prefix string) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Field != "" {
		return p.AtField(prefix + p.Field)
	}
	return err
}

// tier reads the decimals; what they may be is the domain's to say.
func (b TierBody) tier(id int64) (transaction.Tier, error) {
	t := transaction.Tier{
		ID: id, Name: b.Name, IsActive: b.IsActive == nil || *b.IsActive, StartsAt: b.StartsAt, EndsAt: b.EndsAt,
		BudgetUses: b.BudgetUses, PerCustomerUses: b.PerCustomerUses, PerCustomerDraws: b.PerCustomerDraws.value(),
	}
	for _, f := range []struct {
		name string
		from *string
		to   **decimal.Decimal
	}{
		{"minimum_transaction", b.MinimumTransaction, &t.MinimumTransaction},
		{"maximum_transaction", b.MaximumTransaction, &t.MaximumTransaction},
		{"maximum_discount", b.MaximumDiscount, &t.MaximumDiscount},
		{"budget_amount", b.BudgetAmount, &t.BudgetAmount},
	} {
		if f.from == nil {
			continue
		}
		d, err := decimalAt(f.name, *f.from)
		if err != nil {
			return t, err
		}
		*f.to = &d
	}
	var err error
	if t.Probability, err = decimalAt("probability", b.Probability); err != nil {
		return t, err
	}
	t.Discount, err = decimalAt("discount", b.Discount)
	return t, err
}

func decimalAt(field, s string) (decimal.Decimal, error) {
	d, err := transaction.Decimal(s)
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return d, p.AtField(field)
	}
	return d, err
}

func (h tierCalls) answer(t transaction.Tier) tierAnswer {
	return tierAnswer{
		TierID: t.ID, Name: t.Name,
		MinimumTransaction: h.money(t.MinimumTransaction), MaximumTransaction: h.money(t.MaximumTransaction),
		Probability: t.Probability.String(), Discount: t.Discount.String(), IsActive: t.IsActive,
		StartsAt: utc(t.StartsAt), EndsAt: utc(t.EndsAt), MaximumDiscount: h.money(t.MaximumDiscount),
		BudgetAmount: h.money(t.BudgetAmount), BudgetUses: t.BudgetUses,
		PerCustomerUses: t.PerCustomerUses, PerCustomerDraws: t.PerCustomerDraws,
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
}

// money writes at least the minor unit's decimals; a tier that was saved with
// SQL may have more.
func (h tierCalls) money(d *decimal.Decimal) *string {
	if d == nil {
		return nil
	}
	s := d.String()
	if d.Equal(d.Truncate(int32(h.minor))) {
		s = h.minor.Format(*d)
	}
	return &s
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
