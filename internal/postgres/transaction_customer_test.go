package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/stats"
)

func TestCustomerSums(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.fillRecords(t, 60_000)
	pool := openPool(t, s.URL, 4)
	q := stats.CustomerQuery{From: time.Now().AddDate(0, 0, -92), To: time.Now(), Limit: 2}
	rows, total, err := postgres.NewCustomerSums(pool, time.Minute).CustomerSums(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].CustomerID != 1 || rows[0].Draws != 20_000 || *rows[0].Username != "somebody" || rows[1].Draws >= 100 {
		t.Errorf("got %+v", rows)
	}
	if total.Draws != 60_000 || total.Cancelled != 60 || total.Amount.String() != "600000" {
		t.Errorf("total %+v", total)
	}
	for _, most := range []time.Duration{time.Nanosecond, 5 * time.Millisecond} {
		if _, _, err := postgres.NewCustomerSums(pool, most).CustomerSums(t.Context(), q); problem.SlugOf(err) != problem.ReportTooLarge {
			t.Errorf("after %v: %v", most, err)
		}
	}
	empty, total, err := postgres.NewCustomerSums(pool, time.Minute).CustomerSums(t.Context(), stats.CustomerQuery{From: q.From.AddDate(-1, 0, 0), To: q.From, Limit: 2})
	if err != nil || len(empty) != 0 || total.Draws != 0 {
		t.Errorf("an empty range: %v %+v %v", empty, total, err)
	}
}

// A second one of the process waits for its turn, and takes no connection meanwhile.
func TestCustomerSumsOneAtATime(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: s.URL, MaxConns: 4, LockTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	sums := postgres.NewCustomerSums(pool, time.Minute)
	q := stats.CustomerQuery{From: time.Now().AddDate(0, 0, -1), To: time.Now(), Limit: 1}
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE sespan.transaction_log"); err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, _, err := sums.CustomerSums(context.Background(), q)
		first <- err
	}()
	waiting := func() bool {
		return s.text(t, "SELECT count(*) FROM pg_locks WHERE relation = 'sespan.transaction_log'::regclass AND NOT granted") == "1"
	}
	eventuallyTrue(t, "the first one reads", waiting)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := sums.CustomerSums(ctx, q); !errors.Is(err, context.DeadlineExceeded) || !waiting() {
		t.Errorf("the second one: %v, or it reads beside the first", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}
