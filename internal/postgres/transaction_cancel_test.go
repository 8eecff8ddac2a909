package postgres_test

import (
	"strconv"
	"sync"
	"testing"

	"sespan/internal/transaction"
)

const (
	win  = uint64(0)
	lose = uint64(1) << 63 // at probability 0.5
)

func (s *shop) cancel(t testing.TB, id int64) {
	t.Helper()
	s.exec(t, `SELECT sespan.transaction_cancel($1)`, id)
}

// heritage is each order's number and the order that it has it from.
func (s *shop) heritage(t testing.TB) string {
	t.Helper()
	return s.text(t, `SELECT string_agg(l.order_ref || '=' || l.draw_number || coalesce('<' || o.order_ref, ''), ' ' ORDER BY l.order_ref)
		FROM sespan.transaction_log l LEFT JOIN sespan.transaction_log o ON o.transaction_id = l.inherited_from AND o.inherited_by = l.transaction_id`)
}

func TestCancelGivesLimitsBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	two, three, n := int64(2), int32(3), int32(1)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) {
		x.BudgetUses, x.BudgetAmount, x.PerCustomerUses, x.PerCustomerDraws = &two, decp("10"), &n, &three
	})
	first := s.draw(t, one(1, "a", "10", win))["a"]
	if r := s.draw(t, one(1, "b", "10", win))["b"]; r.Discounted {
		t.Fatal("a second win of one customer")
	}
	s.cancel(t, first.TransactionID)
	s.cancel(t, first.TransactionID)
	if got := s.text(t, `SELECT uses || ' ' || amount FROM sespan.transaction_tier_usage`); got != "0 0.00" {
		t.Errorf("usage %s", got)
	}
	if r := s.draw(t, one(1, "c", "10", win))["c"]; !r.Discounted {
		t.Error("the cancelled win still counts for the customer")
	}
	s.draw(t, one(1, "d", "10", win))
	if got := s.text(t, `SELECT string_agg(order_ref || coalesce(' ' || capped_by, ''), ', ' ORDER BY order_ref) FROM sespan.transaction_log`); got != "a, b per_customer_uses, c, d per_customer_draws" {
		t.Errorf("got %s: cancelled draws count as draws of the day", got)
	}
}

// The same order has its one result for ever, cancelled or not.
func TestCancelledOrderIsNotDrawnAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.tier(t, "0.5", "0.5", nil)
	first := s.draw(t, one(1, "a", "10", lose))["a"]
	s.cancel(t, first.TransactionID)
	again := s.draw(t, one(1, "a", "10", win))["a"]
	if !again.Replay || again.Discounted || again.TransactionID != first.TransactionID {
		t.Errorf("got %+v", again)
	}
	if got := s.heritage(t); got != "a=9223372036854775808" {
		t.Errorf("got %s", got)
	}
}

func TestNextOrderInheritsTheNumber(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	small := s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { x.MaximumTransaction = decp("100") })
	s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { x.MinimumTransaction = decp("100") })
	a := s.draw(t, one(1, "a", "10", 7), one(2, "o", "10", 8))["a"]
	s.cancel(t, a.TransactionID)
	s.draw(t, one(1, "big", "100", 1), one(2, "p", "10", 2)) // another tier, another customer
	b := s.draw(t, one(1, "b", "20", 3))["b"]
	if !b.Discounted || *b.TierID != small {
		t.Errorf("got %+v", b)
	}
	s.draw(t, one(1, "c", "10", 4)) // a number passes on once
	s.cancel(t, b.TransactionID)
	s.draw(t, one(1, "d", "10", 5)) // and from an heir to the next
	if got := s.heritage(t); got != "a=7 b=7<a big=1 c=4 d=7<b o=8 p=2" {
		t.Errorf("got %s", got)
	}
	s.exec(t, `UPDATE sespan.transaction_log SET transaction_time = transaction_time - interval '1 day', cancelled_at = cancelled_at - interval '1 day', draw_epoch = draw_epoch - 1`)
	s.exec(t, `SELECT sespan.transaction_cancel(transaction_id) FROM sespan.transaction_log`)
	s.draw(t, one(1, "e", "10", 6)) // another day
	if got := s.text(t, `SELECT inherited_from FROM sespan.transaction_log WHERE order_ref = 'e'`); got != "NULL" {
		t.Errorf("inherits from another day: %s", got)
	}
}

// From one end of the tier to the other: the amount is not in the number, or each pencil
// in the cart would be a new chance. What the heir saves goes by its own amount.
func TestTheNumberIsInheritedAtAnyAmountOfTheTier(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, next string
		number      uint64
		pays        string
	}{
		"a win, dearer":    {"10", "99.99", win, "89.99"}, // half of it, and no more than maximum_discount
		"a win, cheaper":   {"99.99", "10", win, "5.00"},
		"a loss, dearer":   {"10", "99.99", lose, "99.99"},
		"a loss, a pencil": {"50", "50.01", lose, "50.01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.tier(t, "0.5", "0.5", func(x *transaction.Tier) {
				x.MinimumTransaction, x.MaximumTransaction, x.MaximumDiscount = decp("10"), decp("100"), decp("10")
			})
			first := s.draw(t, one(1, "a", c.first, c.number))["a"]
			s.cancel(t, first.TransactionID)
			next := s.draw(t, one(1, "b", c.next, win^lose^c.number))["b"]
			if next.Discounted != (c.number == win) || !next.DiscountedAmount.Equal(*decp(c.pays)) {
				t.Errorf("the heir: %+v, want it to pay %s", next, c.pays)
			}
			if got := s.text(t, `SELECT inherited_from FROM sespan.transaction_log WHERE order_ref = 'b'`); got != strconv.FormatInt(first.TransactionID, 10) {
				t.Errorf("inherited from %s", got)
			}
		})
	}
}

func TestOrdersOfOneBatchInheritDifferentNumbers(t *testing.T) {
	t.Parallel()
	for name, capped := range map[string]bool{"without limits": false, "with limits": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.tier(t, "0.5", "0.5", func(x *transaction.Tier) {
				if n := int64(100); capped {
					x.BudgetUses = &n
				}
			})
			r := s.draw(t, one(1, "a", "10", lose+1), one(1, "b", "10", 2), one(2, "x", "10", 9))
			for _, ref := range []string{"a", "b", "x"} {
				s.cancel(t, r[ref].TransactionID)
			}
			r = s.draw(t, one(1, "e", "10", 5), one(1, "a", "10", 5), one(3, "y", "10", 5), one(1, "d", "10", 5), one(1, "c", "10", 5))
			want := "a=9223372036854775809 b=2 c=5 d=2<b e=9223372036854775809<a x=9 y=5"
			if got := s.heritage(t); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if r["e"].Discounted || !r["d"].Discounted || !r["c"].Discounted {
				t.Errorf("results %+v", r)
			}
			if got := s.text(t, `SELECT max(uses) FROM sespan.transaction_tier_usage`); capped && got != "3" {
				t.Errorf("%s uses: c, d and y won", got)
			}
		})
	}
}

// Two processes draw for one customer with one cancelled draw: one of them inherits.
func TestProcessesInheritOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.tier(t, "0.5", "0.5", nil)
	for round := range 5 {
		a := s.draw(t, one(1, ref(round*100), "10", 7))[ref(round*100)]
		s.cancel(t, a.TransactionID)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if _, err := s.tryDraw(s.batch(one(1, ref(round*100+i+1), "10", 100), one(2, ref(round*100+i+1), "10", 100))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := s.text(t, `SELECT count(*) || ' ' || count(DISTINCT inherited_from) FROM sespan.transaction_log WHERE inherited_from IS NOT NULL`); got != ref(round + 1)[2:]+" "+ref(round + 1)[2:] {
			t.Fatalf("round %d: heirs and origins %s", round, got)
		}
	}
}

func TestCancelWithoutTierAndUnknown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.draw(t, one(1, "a", "10", 7))["a"].TransactionID
	if got := s.text(t, `SELECT cancelled_at >= transaction_time FROM sespan.transaction_cancel($1)`, id); got != "true" {
		t.Errorf("got %s", got)
	}
	at := s.text(t, `SELECT cancelled_at FROM sespan.transaction_cancel($1)`, id)
	if got := s.text(t, `SELECT cancelled_at FROM sespan.transaction_cancel($1)`, id); got != at {
		t.Errorf("cancelled at %s, then at %s", at, got)
	}
	if got := s.text(t, `SELECT count(*) FROM sespan.transaction_cancel(999)`); got != "0" {
		t.Errorf("%s rows for an unknown id", got)
	}
	s.draw(t, one(1, "b", "10", 8))
	if got := s.heritage(t); got != "a=7 b=8" {
		t.Errorf("a draw without a tier passes its number on: %s", got)
	}
}

// What a budget did not count it does not get back.
func TestCancelAndABudgetThatCameLater(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	five := int64(5)
	id := s.tier(t, "1", "0.5", nil)
	budget := func(n *int64) {
		s.exec(t, `SELECT sespan.tier_save($1, 'Tier', probability => 1, discount => 0.5, budget_uses => $2)`, id, n)
	}
	before := s.draw(t, one(1, "before", "10", win))["before"]
	budget(&five)
	during := s.draw(t, one(1, "during", "10", win))["during"]
	budget(nil)
	budget(&five)
	after := s.draw(t, one(1, "after", "10", win))["after"]
	usage := func() string { return s.text(t, `SELECT uses || ' ' || amount FROM sespan.transaction_tier_usage`) }
	s.cancel(t, before.TransactionID)
	s.cancel(t, during.TransactionID)
	if got := usage(); got != "1 5.00" {
		t.Errorf("usage %s: earlier budgets' wins were given back", got)
	}
	s.cancel(t, after.TransactionID)
	if got := usage(); got != "0 0.00" {
		t.Errorf("usage %s", got)
	}
	gone := s.draw(t, one(1, "gone", "10", win))["gone"]
	s.exec(t, `SELECT sespan.tier_delete($1)`, id)
	s.cancel(t, gone.TransactionID)
	if got := s.text(t, `SELECT cancelled_at IS NOT NULL FROM sespan.transaction_log WHERE order_ref = 'gone'`); got != "true" {
		t.Error("a deleted tier's transaction is not cancelled")
	}
}

// Cancelling, twice each, beside draws of two processes: budgets and rows agree.
func TestCancellingWhileDrawing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	uses, each := int64(30), int32(4)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.BudgetUses, x.PerCustomerUses = &uses, &each })
	services := []*transaction.Service{s.service(t), s.service(t)}
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			for i := range 20 {
				r, err := services[worker%2].Draw(t.Context(), one(int64(i%10+1), ref(worker*100+i), "10", 0).Order, nil)
				if err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					var both sync.WaitGroup
					for range 2 {
						both.Go(func() { s.cancel(t, r.TransactionID) })
					}
					both.Wait()
				}
			}
		})
	}
	wg.Wait()
	got := s.text(t, `SELECT count(*) = max(u.uses) AND max(u.uses) <= 30 AND coalesce(sum(transaction_amount - discounted_amount), 0) = max(u.amount)
		FROM sespan.transaction_tier_usage u LEFT JOIN sespan.transaction_log l ON l.discounted AND l.cancelled_at IS NULL`)
	if got != "true" {
		t.Error("the budget's usage is not that of the standing wins")
	}
	if got := s.text(t, `SELECT count(*) FILTER (WHERE inherited_from IS NOT NULL) = count(DISTINCT inherited_from) FROM sespan.transaction_log`); got != "true" {
		t.Error("a number passed on twice")
	}
	if got := s.text(t, `SELECT count(*) FROM sespan.transaction_log WHERE cancelled_at IS NOT NULL`); got != "60" {
		t.Errorf("%s are cancelled", got)
	}
}
