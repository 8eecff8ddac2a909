package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/problem"
	"sespan/internal/transaction"
)

func TestTierKeepsEveryValueExactly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	from, to := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 123456000, time.UTC)
	uses, each, draws := int64(1)<<40, int32(3), int32(0)
	want := transaction.Tier{
		Name: "Gold é — 🥇", MinimumTransaction: decp("0.01"), MaximumTransaction: decp("999999999999999.99"),
		Probability: dec("0.333333333333333333"), Discount: dec("0.100001"), IsActive: true, StartsAt: &from, EndsAt: &to,
		MaximumDiscount: decp("5000"), BudgetAmount: decp("999999999999999999.99"), BudgetUses: &uses, PerCustomerUses: &each, PerCustomerDraws: &draws,
	}
	saved, err := s.tiers.TierSave(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.tiers.TierByID(t.Context(), saved.ID)
	if err != nil {
		t.Fatal(err)
	}
	show := func(x transaction.Tier) string {
		return fmt.Sprint(x.Name, x.MinimumTransaction, x.MaximumTransaction, x.Probability, x.Discount, x.IsActive, x.StartsAt.UTC(), x.EndsAt.UTC(),
			x.MaximumDiscount, x.BudgetAmount, *x.BudgetUses, *x.PerCustomerUses, *x.PerCustomerDraws)
	}
	if show(got) != show(want) {
		t.Errorf("got  %s\nwant %s", show(got), show(want))
	}
	got.ID = 99
	if _, err := s.tiers.TierSave(t.Context(), got); problem.SlugOf(err) != problem.UnknownTier {
		t.Errorf("save of an unknown tier: %v", err)
	}
	if _, err := s.tiers.TierByID(t.Context(), 99); problem.SlugOf(err) != problem.UnknownTier {
		t.Errorf("read of an unknown tier: %v", err)
	}
	if err := s.tiers.TierDelete(t.Context(), 99); problem.SlugOf(err) != problem.UnknownTier {
		t.Errorf("deletion of an unknown tier: %v", err)
	}
}

func TestTierSaveRefusesNonsenseWithASentence(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for arguments, column := range map[string]string{
		`name => '', probability => 0, discount => 0`:                                                        "name",
		`probability => 0, discount => 0`:                                                                    "name",
		`name => E'a\nb', probability => 0, discount => 0`:                                                   "name",
		`name => ' a', probability => 0, discount => 0`:                                                      "name",
		`name => repeat('a', 101), probability => 0, discount => 0`:                                          "name",
		`name => 'a', discount => 0`:                                                                         "probability",
		`name => 'a', probability => 1.000000000000000001, discount => 0`:                                    "probability",
		`name => 'a', probability => -0.1, discount => 0`:                                                    "probability",
		`name => 'a', probability => 'NaN', discount => 0`:                                                   "probability",
		`name => 'a', probability => 'Infinity', discount => 0`:                                              "probability",
		`name => 'a', probability => 1e-19, discount => 0`:                                                   "probability",
		`name => 'a', probability => 0`:                                                                      "discount",
		`name => 'a', probability => 0, discount => 'NaN'`:                                                   "discount",
		`name => 'a', probability => 0, discount => 1.1`:                                                     "discount",
		`name => 'a', probability => 0, discount => 0, is_active => NULL`:                                    "is_active",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => 'NaN'`:                         "minimum_transaction",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => '-Infinity'`:                   "minimum_transaction",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => -1`:                            "minimum_transaction",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => 0.00001`:                       "minimum_transaction",
		`name => 'a', probability => 0, discount => 0, maximum_transaction => 'Infinity'`:                    "maximum_transaction",
		`name => 'a', probability => 0, discount => 0, maximum_transaction => 0`:                             "maximum_transaction",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => 5, maximum_transaction => 5.0`: "maximum_transaction",
		`name => 'a', probability => 0, discount => 0, minimum_transaction => 6, maximum_transaction => 5`:   "maximum_transaction",
		`name => 'a', probability => 0, discount => 0, starts_at => 'infinity'`:                              "starts_at",
		`name => 'a', probability => 0, discount => 0, ends_at => '-infinity'`:                               "ends_at",
		`name => 'a', probability => 0, discount => 0, starts_at => '2026-01-02', ends_at => '2026-01-02'`:   "ends_at",
		`name => 'a', probability => 0, discount => 0, maximum_discount => -1`:                               "maximum_discount",
		`name => 'a', probability => 0, discount => 0, budget_amount => 'NaN'`:                               "budget_amount",
		`name => 'a', probability => 0, discount => 0, budget_uses => -1`:                                    "budget_uses",
		`name => 'a', probability => 0, discount => 0, per_customer_uses => -1`:                              "per_customer_uses",
		`name => 'a', probability => 0, discount => 0, per_customer_draws => -1`:                             "per_customer_draws",
		`tier_id => 12, name => 'a', probability => 0, discount => 0`:                                        "tier_id",
	} {
		_, err := s.Pool.Exec(t.Context(), "SELECT sespan.tier_save("+arguments+")")
		pe, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pe.Code != "SP004" || pe.ColumnName != column || !strings.HasSuffix(pe.Message, ".") || strings.Contains(pe.Message, "tier_") {
			t.Errorf("%s: %+v, want SP004 at %s", arguments, pe, column)
		}
	}
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_tier"); n != "0" {
		t.Errorf("%s tiers were saved", n)
	}
}

func TestTierOverlapNamesTheOther(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first := s.tier(t, "0.5", "0.1", func(x *transaction.Tier) { x.Name, x.MaximumTransaction = "Small", decp("100") })
	second := s.tier(t, "0.5", "0.1", func(x *transaction.Tier) { x.Name, x.MinimumTransaction = "Large", decp("100") })
	for name, change := range map[string]func(*transaction.Tier){
		"new":    func(x *transaction.Tier) { x.MinimumTransaction, x.MaximumTransaction = decp("99.99"), decp("100") },
		"widens": func(x *transaction.Tier) { x.ID, x.MinimumTransaction = second, decp("50") },
	} {
		x := transaction.Tier{Name: name, Probability: dec("0"), Discount: dec("0"), IsActive: true}
		change(&x)
		_, err := s.tiers.TierSave(t.Context(), x)
		p, ok := errors.AsType[*problem.Problem](err)
		if !ok || p.Slug != problem.TierOverlap || p.Members["tier_id"] != first || !strings.Contains(p.Detail, "Small") {
			t.Errorf("%s: %v", name, err)
		}
		x.IsActive = false
		if _, err := s.tiers.TierSave(t.Context(), x); err != nil {
			t.Errorf("%s, inactive: %v", name, err)
		}
	}
}

func TestParallelOverlapsLeaveOneTier(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.tiers.TierSave(context.Background(), transaction.Tier{Name: "All", Probability: dec("1"), Discount: dec("1"), IsActive: true})
		})
	}
	wg.Wait()
	saved := 0
	for _, err := range errs {
		switch slug := problem.SlugOf(err); slug {
		case "":
			saved++
		case problem.TierOverlap, problem.Unavailable: // or a deadlock of two inserters, of which one is told to come back
		default:
			t.Error(err)
		}
	}
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_tier"); saved != 1 || n != "1" {
		t.Errorf("%d saved, %s rows", saved, n)
	}
}

func TestReplaceLetsTiersChangePlaces(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	low := s.tier(t, "0.5", "0.1", func(x *transaction.Tier) { x.MaximumTransaction = decp("100") })
	high := s.tier(t, "0.5", "0.1", func(x *transaction.Tier) { x.MinimumTransaction, x.MaximumTransaction = decp("100"), decp("200") })
	gone := s.tier(t, "0.5", "0.1", func(x *transaction.Tier) { x.MinimumTransaction = decp("200") })
	set := []transaction.Tier{
		{ID: low, Name: "Now high", Probability: dec("0.1"), Discount: dec("0.1"), IsActive: true, MinimumTransaction: decp("100")},
		{ID: high, Name: "Now low", Probability: dec("0.1"), Discount: dec("0.1"), IsActive: true, MaximumTransaction: decp("50")},
		{Name: "Between", Probability: dec("0.1"), Discount: dec("0.1"), IsActive: true, MinimumTransaction: decp("50"), MaximumTransaction: decp("100")},
	}
	if _, err := s.tiers.TierReplace(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	names := s.names(t)
	if !slices.Equal(names, []string{"Now high", "Now low", "Between"}) {
		t.Fatalf("tiers %q", names)
	}
	for name, bad := range map[string]transaction.Tier{
		"overlap": {Name: "Overlaps", Probability: dec("0.1"), Discount: dec("0.1"), IsActive: true, MinimumTransaction: decp("150")},
		"unknown": {ID: gone, Name: "Deleted before", Probability: dec("0.1"), Discount: dec("0.1")},
		"value":   {Name: "Bad", Probability: dec("1.1"), Discount: dec("0.1")},
	} {
		want := map[string]problem.Slug{"overlap": problem.TierOverlap, "unknown": problem.UnknownTier, "value": problem.Invalid}[name]
		if _, err := s.tiers.TierReplace(t.Context(), []transaction.Tier{set[0], bad}); problem.SlugOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(s.names(t), names) {
			t.Errorf("%s: half of the set was written: %q", name, s.names(t))
		}
	}
}

func (s *shop) names(t *testing.T) []string {
	t.Helper()
	tiers, err := s.tiers.TierList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range tiers {
		names = append(names, x.Name)
	}
	return names
}

func TestTierHistoryExplainsDrawsAfterDeletion(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.tier(t, "0.25", "0.1", nil)
	r := s.draw(t, one(1, "A", "10", 0))["A"]
	s.tierAs(t, id, "0.75")
	if err := s.tiers.TierDelete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	got := s.text(t, `SELECT string_agg(operation || ' ' || (tier->>'probability'), ', ' ORDER BY version_id) FROM sespan.transaction_tier_version WHERE tier_id = $1`, *r.TierID)
	if got != "insert 0.25, update 0.75, delete 0.75" {
		t.Errorf("history: %s", got)
	}
	if got := s.text(t, `SELECT draw_threshold FROM sespan.transaction_log`); got != "4611686018427387904" {
		t.Errorf("threshold %s, want 2^62", got)
	}
	if next := s.tier(t, "0.5", "0.1", nil); next == id {
		t.Error("a tier_id was given twice")
	}
}

func (s *shop) tierAs(t *testing.T, id int64, probability string) {
	t.Helper()
	_, err := s.tiers.TierSave(t.Context(), transaction.Tier{ID: id, Name: "Tier", Probability: dec(probability), Discount: dec("0.1"), IsActive: true})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBudgetCountsFromWhenItWasSet(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.tier(t, "1", "0.5", nil)
	s.draw(t, one(1, "before", "10", 0))
	save := func(uses *int64) {
		t.Helper()
		x := transaction.Tier{ID: id, Name: "Tier", Probability: dec("1"), Discount: dec("0.5"), IsActive: true, BudgetUses: uses}
		if _, err := s.tiers.TierSave(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	two, three := int64(2), int64(3)
	save(&two)
	s.draw(t, one(1, "a", "10", 0))
	save(&three) // a larger budget goes on counting
	s.draw(t, one(1, "b", "10", 0), one(1, "c", "10", 0), one(1, "d", "10", 0))
	if got := s.text(t, `SELECT string_agg(order_ref, '' ORDER BY order_ref) FROM sespan.transaction_log WHERE discounted AND order_ref <> 'before'`); got != "abc" {
		t.Errorf("winners %s", got)
	}
	save(nil)
	if got := s.text(t, `SELECT count(*) FROM sespan.transaction_tier_usage`); got != "0" {
		t.Error("a tier without a budget is still counted")
	}
}
