package postgres_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

func TestDrawTierBoundariesAreHalfOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	low := s.tier(t, "0", "0.1", func(x *transaction.Tier) { x.MinimumTransaction, x.MaximumTransaction = decp("10"), decp("100") })
	high := s.tier(t, "0", "0.1", func(x *transaction.Tier) { x.MinimumTransaction, x.MaximumTransaction = decp("100"), decp("500.5") })
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	s.tier(t, "1", "1", func(x *transaction.Tier) { x.MinimumTransaction, x.EndsAt = decp("600"), &past })
	s.tier(t, "1", "1", func(x *transaction.Tier) { x.MinimumTransaction, x.StartsAt = decp("600"), &future })
	s.tier(t, "1", "1", func(x *transaction.Tier) { x.MinimumTransaction, x.IsActive = decp("600"), false })
	want := map[string]int64{"9.99": 0, "10": low, "99.99": low, "100": high, "500.49": high, "500.50": 0, "600": 0}
	var draws []transaction.Draw
	for amount := range want {
		draws = append(draws, one(1, amount, amount, 0))
	}
	got := s.draw(t, draws...)
	for amount, id := range want {
		r := got[amount]
		switch {
		case id == 0 && r.TierID != nil, id != 0 && (r.TierID == nil || *r.TierID != id):
			t.Errorf("%s: tier %v, want %d", amount, r.TierID, id)
		case r.Discounted || !r.DiscountedAmount.Equal(dec(amount)) || r.Replay || r.TransactionID == 0:
			t.Errorf("%s: %+v", amount, r)
		}
	}
	if got := s.text(t, `SELECT username FROM sespan.transaction_log WHERE order_ref = '100'`); got != "user1" {
		t.Errorf("username %q", got)
	}
}

func TestDrawCompares65Bits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	half := uint64(1) << 63
	third, _ := new(decimalBig).threshold("0.333333333333333333")
	for i, c := range []struct {
		probability string
		number      uint64
		want        bool
	}{
		{"0", 0, false},
		{"0", math.MaxUint64, false},
		{"1", math.MaxUint64, true},
		{"1", 0, true},
		{"0.5", half - 1, true},
		{"0.5", half, false},
		{"0.000000000000000001", 17, true},
		{"0.000000000000000001", 18, false},
		{"0.333333333333333333", third - 1, true},
		{"0.333333333333333333", third, false},
		{"0.999999999999999999", math.MaxUint64, false},
	} {
		s.exec(t, "DELETE FROM sespan.transaction_tier")
		s.tier(t, c.probability, "0.5", nil)
		if got := s.draw(t, one(1, ref(i), "10", c.number))[ref(i)]; got.Discounted != c.want {
			t.Errorf("probability %s, number %d: won is %v", c.probability, c.number, got.Discounted)
		}
	}
}

func TestDrawRoundsTheDiscountHalfUp(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i, c := range []struct {
		discount, maximum, amount, pays string
		minor                           transaction.Minor
	}{
		{"0.1", "", "150000.00", "135000.00", 2},
		{"0.5", "", "0.01", "0.00", 2},
		{"0.1", "", "0.05", "0.04", 2},
		{"0.1", "", "0.04", "0.04", 2},
		{"0.125", "", "1.00", "0.87", 2},
		{"0.333333", "", "999999999999999.99", "666666999999999.99", 2},
		{"1", "", "12.34", "0.00", 2},
		{"0", "", "12.34", "12.34", 2},
		{"0.5", "1.00", "12.34", "11.34", 2},
		{"0.5", "0", "12.34", "12.34", 2},
		{"0.5", "1.9", "13", "12", 0},
		{"0.5", "", "13", "6", 0},
	} {
		s.exec(t, "DELETE FROM sespan.transaction_tier")
		s.tier(t, "1", c.discount, func(x *transaction.Tier) {
			if c.maximum != "" {
				x.MaximumDiscount = decp(c.maximum)
			}
		})
		b := s.batch(one(1, ref(i), c.amount, 0))
		b.Minor = c.minor
		got, err := s.tryDraw(b)
		if err != nil {
			t.Fatal(err)
		}
		if r := got[ref(i)]; !r.Discounted || !r.DiscountedAmount.Equal(dec(c.pays)) {
			t.Errorf("%+v: pays %s", c, r.DiscountedAmount)
		}
	}
}

func TestDrawAgainGivesTheFirstResult(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.tier(t, "0.5", "0.5", nil)
	first := s.draw(t, one(1, "A", "10", 0))["A"]
	s.exec(t, "DELETE FROM sespan.transaction_tier")
	s.exec(t, "DELETE FROM public.auth_user WHERE id = 1")
	again := s.draw(t, one(1, "A", "99", math.MaxUint64), one(2, "A2", "99", 0))
	if r := again["A"]; !r.Replay || r.TransactionID != first.TransactionID || !r.Discounted || !r.Amount.Equal(dec("10")) ||
		*r.TierID != *first.TierID || !r.Time.Equal(first.Time) {
		t.Errorf("first %+v, again %+v", first, again["A"])
	}
	if again["A2"].Replay || again["A2"].TierID != nil {
		t.Errorf("neighbour: %+v", again["A2"])
	}
}

func TestDrawOfAnUnknownCustomerLeavesNoRow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	got := s.draw(t, one(1, "A", "10", 0), one(4711, "A", "10", 0), one(math.MaxInt64, "B", "10", 0))
	if len(got) != 1 || s.text(t, "SELECT count(*) FROM sespan.transaction_log") != "1" {
		t.Errorf("got %+v", got)
	}
}

func TestHundredParallelRequestsOfOneOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.CheckCounts(t, s.DB)
	s.tier(t, "0.5", "0.5", nil)
	services := []*transaction.Service{s.service(t), s.service(t), s.service(t)}
	var wg sync.WaitGroup
	results := make([]transaction.Result, 100)
	for i := range results {
		wg.Go(func() {
			amount := "10"
			if i%10 == 9 {
				amount = "11"
			}
			r, err := services[i%3].Draw(t.Context(), one(1, "A", amount, 0).Order, nil)
			if err != nil && problem.SlugOf(err) != problem.OrderConflict {
				t.Error(err)
			}
			results[i] = r
		})
	}
	wg.Wait()
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_log"); n != "1" {
		t.Fatalf("%s rows", n)
	}
	fresh, drawn := 0, 0
	for _, r := range results {
		if r.TransactionID == 0 {
			continue
		}
		drawn++
		if !r.Replay {
			fresh++
		}
		if r.TransactionID != 1 && fmt.Sprint(r.TransactionID) != s.text(t, "SELECT transaction_id FROM sespan.transaction_log") {
			t.Errorf("another transaction: %+v", r)
		}
	}
	if fresh != 1 || (drawn != 90 && drawn != 10) {
		t.Errorf("%d fresh of %d drawn", fresh, drawn)
	}
}

func TestParallelFlushesWithTheSameOrdersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.CheckCounts(t, s.DB)
	s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { n := int64(30); x.MaximumTransaction, x.BudgetUses = decp("10"), &n })
	s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { n := int64(30); x.MinimumTransaction, x.BudgetUses = decp("20"), &n })
	services := []*transaction.Service{s.service(t), s.service(t), s.service(t)}
	amounts := []string{"5", "15", "25"}
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			for i := range 50 {
				n := (i*7 + worker*13) % 50
				o := one(int64(n%20+1), ref(n), amounts[n%3], 0).Order
				if _, err := services[worker%3].Draw(t.Context(), o, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_log"); n != "50" {
		t.Errorf("%s rows, want 50", n)
	}
}

func TestDrawIsLoggedInItsOwnTransaction(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.CheckCounts(t, s.DB)
	svc := s.service(t)
	entry := func(id uuid.UUID, status int) func(transaction.Result) (apilog.Entry, bool) {
		return func(transaction.Result) (apilog.Entry, bool) {
			return apilog.Entry{
				ResponseID: id, Type: apilog.Transaction, Outcome: apilog.Success, Status: status, Requested: time.Now(), Responded: time.Now(),
			}, true
		}
	}
	if _, err := svc.Draw(t.Context(), one(1, "A", "10", 0).Order, entry(uuid.New(), 201)); err != nil {
		t.Fatal(err)
	}
	same := s.text(t, `SELECT l.xmin::text = t.xmin::text FROM sespan.api_log l, sespan.transaction_log t`)
	if same != "true" {
		t.Error("the draw and its log row have different transactions")
	}
	if _, err := svc.Draw(t.Context(), one(1, "B", "10", 0).Order, entry(uuid.New(), 9)); err == nil {
		t.Error("an impossible log row was accepted")
	}
	if n := s.text(t, `SELECT count(*) FROM sespan.transaction_log`); n != "1" {
		t.Errorf("%s draws: a draw was kept without its log row", n)
	}
}

func TestCrashBetweenDrawAndCommit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { n := int64(5); x.BudgetUses = &n })
	b := s.batch(one(1, "A", "10", 0))
	err := s.store.Draw(t.Context(), b, func([]transaction.Result) []apilog.Entry {
		s.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()`)
		return nil
	})
	if problem.SlugOf(err) != problem.Unavailable {
		t.Fatalf("got %v, want unavailable", err)
	}
	if got := s.text(t, "SELECT (SELECT count(*) FROM sespan.transaction_log) || ' ' || uses FROM sespan.transaction_tier_usage"); got != "0 0" {
		t.Fatalf("rows and uses after the crash: %s", got)
	}
	if r := s.draw(t, one(1, "A", "10", 0))["A"]; !r.Discounted || r.Replay {
		t.Errorf("after the crash: %+v", r)
	}
}

func TestHostileValuesFailAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, bad := range []transaction.Draw{
		one(1, "A'; DROP TABLE sespan.transaction_log; --", "10", 0),
		one(1, strings.Repeat("x", 65), "10", 0),
		one(1, "nul\x00", "10", 0),
		one(1, "utf\xff", "10", 0),
		one(1, "", "10", 0),
		one(1, "minus", "-1", 0),
		one(1, "huge", "1000000000000000", 0),
	} {
		if _, err := s.tryDraw(s.batch(one(2, "good", "10", 0), bad)); err == nil {
			t.Errorf("%q, %s was accepted", bad.OrderRef, bad.Amount)
		}
	}
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_log"); n != "0" {
		t.Errorf("%s rows of refused batches", n)
	}
	if r := s.draw(t, one(2, "good", "10", 0)); len(r) != 1 {
		t.Error("the connection is of no use after an error")
	}
}

func TestDrawRefusesAStaleEpoch(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.batch(one(1, "A", "10", 0))
	b.Epoch.Day = b.Epoch.Day.AddDate(0, 0, -1)
	if _, err := s.tryDraw(b); !errors.Is(err, transaction.ErrStaleEpoch) {
		t.Fatalf("got %v", err)
	}
	if n := s.text(t, "SELECT count(*) FROM sespan.transaction_log"); n != "0" {
		t.Errorf("%s rows", n)
	}
}

func TestMidnightBetweenTwoDraws(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `CREATE OR REPLACE FUNCTION sespan.draw_clock() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT timestamptz ''2026-11-22 23:59:59.999+00'''`)
	svc := s.service(t)
	if _, err := svc.Draw(t.Context(), one(1, "A", "10", 0).Order, nil); err != nil {
		t.Fatal(err)
	}
	s.exec(t, `CREATE OR REPLACE FUNCTION sespan.draw_clock() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT timestamptz ''2026-11-23 00:00:00+00'''`)
	r, err := svc.Draw(t.Context(), one(1, "B", "10", 0).Order, nil)
	if err != nil || r.Time.Format(time.RFC3339) != "2026-11-23T00:00:00Z" {
		t.Fatalf("%+v, %v", r, err)
	}
	got := s.text(t, `SELECT string_agg(order_ref || draw_epoch, ' ' ORDER BY order_ref) FROM sespan.transaction_log`)
	if got != "A2026-11-22 B2026-11-23" {
		t.Errorf("epochs %s", got)
	}
	if _, err := svc.Draw(t.Context(), one(1, "A", "10", 0).Order, nil); err != nil {
		t.Errorf("yesterday's order today: %v", err)
	}
}

// Behind a transaction pooler there are no named prepared statements.
func TestDrawWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: s.URL, MaxConns: 1, Pooled: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.store, s.tiers = newStores(pool)
	n := int64(1)
	s.tier(t, "1", "0.5", func(x *transaction.Tier) { x.BudgetUses = &n })
	for range 2 {
		if r := s.draw(t, one(1, "A", "10.01", math.MaxUint64))["A"]; !r.Discounted || !r.DiscountedAmount.Equal(dec("5.00")) {
			t.Errorf("got %+v", r)
		}
	}
	if _, err := s.epochs().Ensure(t.Context()); err != nil {
		t.Error(err)
	}
}
