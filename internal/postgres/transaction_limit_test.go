package postgres_test

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"testing"

	"sespan/internal/problem"
	"sespan/internal/transaction"
)

func TestLimitsAreAllottedByRunningSum(t *testing.T) {
	t.Parallel()
	two, five := int32(2), int64(5)
	const half = uint64(1) << 63 // loses at probability 0.5
	for name, c := range map[string]struct {
		limit   func(*transaction.Tier)
		flushes [][]transaction.Draw
		want    string // customer, outcome and number
		usage   string
	}{
		"budget uses": {
			func(x *transaction.Tier) { x.BudgetUses = &five },
			[][]transaction.Draw{orders(1, 3), orders(1, 3), orders(1, 1)},
			"1 budget_uses 2, 1 won 5", "5 25.00",
		},
		"budget amount, a later smaller win still fits": {
			func(x *transaction.Tier) { x.BudgetAmount = decp("12.50") },
			[][]transaction.Draw{orders(1, 3), {one(1, "small", "5", 0)}, {one(1, "smaller", "0.02", 0)}},
			"1 budget_amount 2, 1 won 3", "3 12.50",
		},
		"customer uses": {
			func(x *transaction.Tier) { x.PerCustomerUses = &two },
			[][]transaction.Draw{append(orders(1, 3), orders(2, 1)...), orders(1, 1), orders(2, 2)},
			"1 per_customer_uses 2, 1 won 2, 2 per_customer_uses 1, 2 won 2", "NULL",
		},
		"customer draws count losses": {
			func(x *transaction.Tier) { x.PerCustomerDraws, x.Probability = &two, dec("0.5") },
			[][]transaction.Draw{{one(1, "a", "10", half), one(1, "b", "10", half)}, orders(1, 2), {one(1, "c", "10", half)}, orders(2, 1)},
			"1 lost 3, 1 per_customer_draws 2, 2 won 1", "NULL",
		},
		"a win past the customer's limit leaves the budget alone": {
			func(x *transaction.Tier) { x.PerCustomerUses, x.BudgetUses = &two, &five },
			[][]transaction.Draw{orders(1, 4), append(orders(2, 2), orders(3, 1)...), orders(4, 1)},
			"1 per_customer_uses 2, 1 won 2, 2 won 2, 3 won 1, 4 budget_uses 1", "5 25.00",
		},
		"a budget of nothing": {
			func(x *transaction.Tier) { zero := int64(0); x.BudgetUses = &zero },
			[][]transaction.Draw{orders(1, 2)},
			"1 budget_uses 2", "0 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.tier(t, "1", "0.5", c.limit)
			for i, flush := range c.flushes {
				for j := range flush {
					flush[j].OrderRef += "-" + ref(i)
				}
				s.draw(t, flush...)
			}
			got := s.text(t, `SELECT string_agg(customer_id || ' ' || outcome || ' ' || n, ', ' ORDER BY customer_id, outcome) FROM (
				SELECT customer_id, CASE WHEN discounted THEN 'won' ELSE coalesce(capped_by, 'lost') END AS outcome, count(*) AS n
				FROM sespan.transaction_log GROUP BY 1, 2) x`)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := s.text(t, `SELECT uses || ' ' || amount FROM sespan.transaction_tier_usage UNION ALL SELECT NULL LIMIT 1`); got != c.usage {
				t.Errorf("usage %s, want %s", got, c.usage)
			}
		})
	}
}

// orders are n orders of 10.00 that win wherever the probability is not 0.
func orders(customer int64, n int) []transaction.Draw {
	var draws []transaction.Draw
	for i := range n {
		draws = append(draws, one(customer, ref(int(customer)*100+i), "10", 0))
	}
	return draws
}

// A replayed order spends nothing twice.
func TestReplayLeavesTheBudgetAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n := int64(5)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.BudgetUses = &n })
	for range 3 {
		s.draw(t, one(1, "a", "10", 0))
	}
	if got := s.text(t, `SELECT uses FROM sespan.transaction_tier_usage`); got != "1" {
		t.Errorf("%s uses", got)
	}
}

func TestProcessesDoNotOverspendTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	uses, each := int64(40), int32(3)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.BudgetUses, x.BudgetAmount, x.PerCustomerUses = &uses, decp("180"), &each })
	services := []*transaction.Service{s.service(t), s.service(t)}
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for i := range 30 {
				o := one(int64(i%20+1), ref(worker*100+i), "10", 0).Order
				if _, err := services[worker%2].Draw(t.Context(), o, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := s.text(t, `SELECT count(*) || ' ' || sum(transaction_amount - discounted_amount) FROM sespan.transaction_log WHERE discounted`)
	if got != "36 180.00" {
		t.Errorf("%s: winners and money, want 36 and 180.00", got)
	}
	if got != s.text(t, `SELECT uses || ' ' || amount FROM sespan.transaction_tier_usage`) {
		t.Error("the usage does not say what the log says")
	}
	if got := s.text(t, `SELECT max(n) FROM (SELECT count(*) AS n FROM sespan.transaction_log WHERE discounted GROUP BY customer_id) x`); got != "3" {
		t.Errorf("a customer won %s times", got)
	}
	if got := s.text(t, `SELECT count(*) FROM sespan.transaction_log`); got != "300" {
		t.Errorf("%s draws", got)
	}
}

// The first limit of tier 2 is committed while the flush waits for tier 1: its
// draw sees a limited tier that it has not locked.
func TestALimitThatAppearsBetweenTheSteps(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n := int64(100)
	first := s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.MaximumTransaction, x.BudgetUses = decp("10"), &n })
	second := s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.MinimumTransaction = decp("10") })
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `UPDATE sespan.transaction_tier SET budget_uses = 1 WHERE tier_id IN ($1, $2)`, first, second); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := s.tryDraw(s.batch(one(1, "a", "5", 0), one(1, "b", "15", 0)))
		done <- err
	}()
	for s.text(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == "0" {
		if t.Context().Err() != nil {
			t.Fatal("the flush did not wait for the tier")
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, transaction.ErrTryAgain) {
		t.Fatalf("got %v", err)
	}
	if got := s.draw(t, one(1, "a", "5", 0), one(1, "b", "15", 0)); !got["a"].Discounted || !got["b"].Discounted {
		t.Errorf("the next attempt: %+v", got)
	}
}

func TestLockedTierIsUnavailableAndOthersGoOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n := int64(100)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.MaximumTransaction, x.BudgetUses = decp("10"), &n })
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.MinimumTransaction = decp("10") })
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `SELECT FROM sespan.transaction_tier FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.tryDraw(s.batch(one(1, "a", "5", 0))); problem.SlugOf(err) != problem.Unavailable {
		t.Errorf("a locked tier: %v", err)
	}
	if got := s.draw(t, one(1, "b", "15", 0)); !got["b"].Discounted {
		t.Errorf("a tier without limits waited: %+v", got)
	}
}

// decimalBig computes a threshold without the database.
type decimalBig struct{}

func (*decimalBig) threshold(probability string) (uint64, bool) {
	r, ok := new(big.Rat).SetString(probability)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64)))
	return new(big.Int).Quo(r.Num(), r.Denom()).Uint64(), true
}

// A cart that is changed there and back is a new order each time. Where nobody names a
// limit, six carts are three chances, not six.
func TestACartChangedThereAndBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `SELECT sespan.tier_save(name => 'Tier', probability => 0.5, discount => 0.5)`)
	for i, number := range []uint64{lose, lose, lose, win, win, win} {
		s.draw(t, one(1, ref(i), "10", number), one(int64(10+i), ref(i), "10", win))
	}
	got := s.text(t, `SELECT string_agg(coalesce(capped_by, discounted::text), ' ' ORDER BY transaction_id) FROM sespan.transaction_log WHERE customer_id = 1`)
	if want := "false false false per_customer_draws per_customer_draws per_customer_draws"; got != want {
		t.Errorf("six carts: %s, want %s", got, want)
	}
	if got := s.text(t, `SELECT count(*) FROM sespan.transaction_log WHERE customer_id >= 10 AND discounted`); got != "6" {
		t.Errorf("%s of six others won", got)
	}
}
