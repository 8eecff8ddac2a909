package transaction

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"sespan/internal/problem"
)

func dec(s string) decimal.Decimal   { return decimal.RequireFromString(s) }
func decp(s string) *decimal.Decimal { d := dec(s); return &d }

func valid() Tier {
	return Tier{Name: "Gold", Probability: dec("0.25"), Discount: dec("0.1"), IsActive: true}
}

func TestTierValidateRefuses(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1000, 0), time.Unix(2000, 0)
	far := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	minus, minusSmall := int64(-1), int32(-1)
	for name, c := range map[string]struct {
		field  string
		change func(*Tier)
	}{
		"no name":          {"name", func(x *Tier) { x.Name = "" }},
		"long name":        {"name", func(x *Tier) { x.Name = strings.Repeat("é", 101) }},
		"blank around":     {"name", func(x *Tier) { x.Name = " Gold" }},
		"control":          {"name", func(x *Tier) { x.Name = "Go\x00ld" }},
		"bad utf-8":        {"name", func(x *Tier) { x.Name = "Go\xffld" }},
		"negative minimum": {"minimum_transaction", func(x *Tier) { x.MinimumTransaction = decp("-1") }},
		"fine minimum":     {"minimum_transaction", func(x *Tier) { x.MinimumTransaction = decp("0.001") }},
		"huge maximum":     {"maximum_transaction", func(x *Tier) { x.MaximumTransaction = decp("1000000000000000") }},
		"zero maximum":     {"maximum_transaction", func(x *Tier) { x.MaximumTransaction = decp("0") }},
		"empty range":      {"maximum_transaction", func(x *Tier) { x.MinimumTransaction, x.MaximumTransaction = decp("5"), decp("5.00") }},
		"probability":      {"probability", func(x *Tier) { x.Probability = dec("1.000000000000000001") }},
		"fine probability": {"probability", func(x *Tier) { x.Probability = dec("0.1234567890123456789") }},
		"negative":         {"probability", func(x *Tier) { x.Probability = dec("-0.1") }},
		"discount":         {"discount", func(x *Tier) { x.Discount = dec("1.1") }},
		"far start":        {"starts_at", func(x *Tier) { x.StartsAt = &far }},
		"far end":          {"ends_at", func(x *Tier) { x.EndsAt = &far }},
		"ends first":       {"ends_at", func(x *Tier) { x.StartsAt, x.EndsAt = &late, &early }},
		"largest discount": {"maximum_discount", func(x *Tier) { x.MaximumDiscount = decp("-0.01") }},
		"budget":           {"budget_amount", func(x *Tier) { x.BudgetAmount = decp("1000000000000000000") }},
		"uses":             {"budget_uses", func(x *Tier) { x.BudgetUses = &minus }},
		"customer uses":    {"per_customer_uses", func(x *Tier) { x.PerCustomerUses = &minusSmall }},
		"customer draws":   {"per_customer_draws", func(x *Tier) { x.PerCustomerDraws = &minusSmall }},
	} {
		tier := valid()
		c.change(&tier)
		err := tier.Validate(2)
		p, ok := errors.AsType[*problem.Problem](err)
		if !ok || p.Slug != problem.Invalid || p.Field != c.field {
			t.Errorf("%s: %v, want invalid at %s", name, err, c.field)
		}
	}
	if err := valid().Validate(2); err != nil {
		t.Errorf("a plain tier: %v", err)
	}
}

func TestOverlapIsHalfOpen(t *testing.T) {
	t.Parallel()
	noon, later := time.Unix(43200, 0), time.Unix(86400, 0)
	with := func(low, high *decimal.Decimal, from, to *time.Time) Tier {
		x := valid()
		x.MinimumTransaction, x.MaximumTransaction, x.StartsAt, x.EndsAt = low, high, from, to
		return x
	}
	for name, c := range map[string]struct {
		a, b Tier
		want bool
	}{
		"everything":    {valid(), valid(), true},
		"touching":      {with(nil, decp("100"), nil, nil), with(decp("100"), nil, nil, nil), false},
		"one cent":      {with(nil, decp("100.01"), nil, nil), with(decp("100"), nil, nil, nil), true},
		"touching time": {with(nil, nil, nil, &noon), with(nil, nil, &noon, nil), false},
		"same time":     {with(nil, nil, nil, &later), with(nil, nil, &noon, nil), true},
		"other time":    {with(decp("1"), decp("9"), nil, &noon), with(decp("2"), decp("3"), &later, nil), false},
	} {
		if c.a.overlaps(c.b) != c.want || c.b.overlaps(c.a) != c.want {
			t.Errorf("%s: overlaps is %v, want %v", name, !c.want, c.want)
		}
	}
	off := valid()
	off.IsActive = false
	if off.overlaps(valid()) {
		t.Error("an inactive tier overlaps")
	}
}

func TestReplaceRefusesASetThatContradictsItself(t *testing.T) {
	t.Parallel()
	s := NewTiers(nil, 2) // it must refuse before it asks the store
	second := valid()
	second.Name = "Silver"
	_, err := s.Replace(context.Background(), []Tier{valid(), second})
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Slug != problem.TierOverlap || p.Field != "tiers[1]" || p.Members["other"] != "tiers[0]" {
		t.Errorf("overlap: %v", err)
	}
	second.ID, second.IsActive = 3, false
	_, err = s.Replace(context.Background(), []Tier{second, second})
	if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Field != "tiers[1].tier_id" {
		t.Errorf("twice: %v", err)
	}
	second.Discount = dec("2")
	_, err = s.Replace(context.Background(), []Tier{valid(), second})
	if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Field != "tiers[1].discount" {
		t.Errorf("bad value: %v", err)
	}
	if _, err = s.Replace(context.Background(), make([]Tier, MaxTiers+1)); problem.SlugOf(err) != problem.Invalid {
		t.Errorf("too many: %v", err)
	}
}
