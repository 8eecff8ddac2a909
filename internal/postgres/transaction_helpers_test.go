package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// shop is a database with some customers and the stores of the draw.
type shop struct {
	*pgtest.DB
	store *postgres.Transactions
	tiers *postgres.Tiers
	ring  *secret.Ring
}

func newShop(t testing.TB) *shop {
	t.Helper()
	db := pgtest.NewDB(t)
	s := &shop{DB: db}
	s.exec(t, `INSERT INTO public.auth_user (username, email) SELECT 'user' || i, 'user' || i || '@example.com' FROM generate_series(1, 100) i`)
	ring, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	pool := openPool(t, db.URL, 8)
	s.store, s.tiers, s.ring = postgres.NewTransactions(pool), postgres.NewTiers(pool), ring
	return s
}

func openPool(t testing.TB, url string, conns int32) *postgres.Pool {
	t.Helper()
	pool, err := postgres.Open(context.Background(), postgres.Options{URL: url, MaxConns: conns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func (s *shop) epochs() *transaction.Epochs {
	return transaction.NewEpochs(s.store, s.ring, rand.Reader)
}

// service is a process of its own: its pool, its cache, its flushers.
func (s *shop) service(t testing.TB) *transaction.Service {
	t.Helper()
	store := postgres.NewTransactions(openPool(t, s.URL, 3))
	svc := transaction.NewService(transaction.Config{
		Store: store, Epochs: transaction.NewEpochs(store, s.ring, rand.Reader), Registerer: prometheus.NewRegistry(), Minor: 2,
	})
	t.Cleanup(svc.Close)
	return svc
}

func (s *shop) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := s.Pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *shop) text(t testing.TB, sql string, args ...any) string {
	t.Helper()
	var got *string
	if err := s.Pool.QueryRow(context.Background(), "SELECT ("+sql+")::text", args...).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if got == nil {
		return "NULL"
	}
	return *got
}

// tier saves an active tier.
func (s *shop) tier(t testing.TB, probability, discount string, change func(*transaction.Tier)) int64 {
	t.Helper()
	x := transaction.Tier{Name: "Tier", Probability: dec(probability), Discount: dec(discount), IsActive: true}
	if change != nil {
		change(&x)
	}
	saved, err := s.tiers.TierSave(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	return saved.ID
}

// draw draws orders with given numbers in one transaction, and gives the results
// by order_ref.
func (s *shop) draw(t testing.TB, draws ...transaction.Draw) map[string]transaction.Result {
	t.Helper()
	results, err := s.tryDraw(s.batch(draws...))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func (s *shop) tryDraw(b transaction.Batch) (map[string]transaction.Result, error) {
	byRef := map[string]transaction.Result{}
	err := s.store.Draw(context.Background(), b, func(results []transaction.Result) []apilog.Entry {
		for _, r := range results {
			byRef[r.OrderRef] = r
		}
		return nil
	})
	return byRef, err
}

func (s *shop) batch(draws ...transaction.Draw) transaction.Batch {
	now := time.Now().UTC()
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	return transaction.Batch{Epoch: &transaction.Epoch{Day: day}, Version: 1, Minor: 2, Draws: draws}
}

// one is an order with its number.
func one(customer int64, ref, amount string, number uint64) transaction.Draw {
	return transaction.Draw{Order: transaction.Order{CustomerID: customer, OrderRef: ref, Amount: dec(amount)}, Number: number}
}

func dec(s string) decimal.Decimal   { return decimal.RequireFromString(s) }
func decp(s string) *decimal.Decimal { d := dec(s); return &d }

func ref(i int) string { return fmt.Sprintf("R-%d", i) }

func newStores(pool *postgres.Pool) (*postgres.Transactions, *postgres.Tiers) {
	return postgres.NewTransactions(pool), postgres.NewTiers(pool)
}
