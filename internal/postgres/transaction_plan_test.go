package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/transaction"
)

// capture notes a generated statement instead of running it.
type capture struct {
	sql  string
	args []any
}

var errCaptured = errors.New("captured")

func (c *capture) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.sql, c.args = sql, args
	return nil, errCaptured
}

func (c *capture) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errCaptured
}
func (c *capture) QueryRow(context.Context, string, ...any) pgx.Row { return nil }

// With a million rows in the log a draw still goes through its indexes, planned
// for these values and for any.
func TestDrawPlansAtAMillionRows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n, each := int64(5), int32(5)
	s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { x.BudgetUses, x.PerCustomerUses, x.PerCustomerDraws = &n, &each, &each })
	s.exec(t, `ALTER TABLE sespan.transaction_log DROP CONSTRAINT transaction_log_pkey, DROP CONSTRAINT transaction_log_order_key`) // filled in a third of the time
	s.exec(t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
		SELECT i % 50000 + 1, 'O-' || i, 'u', false, 10, 10, x.at, 1, (x.at AT TIME ZONE 'UTC')::date, '', 5
		FROM generate_series(1, 1000000) i, LATERAL (SELECT now() - make_interval(mins => i) AS at) x`)
	s.exec(t, `ALTER TABLE sespan.transaction_log ADD CONSTRAINT transaction_log_pkey PRIMARY KEY (transaction_id),
		ADD CONSTRAINT transaction_log_order_key UNIQUE (customer_id, order_ref)`)
	s.exec(t, `INSERT INTO public.auth_user (username, email) SELECT 'many' || i, 'many' || i || '@example.com' FROM generate_series(1, 50000) i`)
	s.exec(t, `ANALYZE sespan.transaction_log; ANALYZE public.auth_user`)
	c := &capture{}
	params := &dbsqlc.TransactionDrawParams{MinorDigits: 2, DrawVersion: 1, DrawEpoch: pgtype.Date{Time: s.batch().Epoch.Day, Valid: true}}
	for i := range 16 {
		d := one(int64(i+1), ref(i), "10", 0)
		params.Ordinals, params.CustomerIds = append(params.Ordinals, int32(i)), append(params.CustomerIds, d.CustomerID) //nolint:gosec // 16
		params.OrderRefs, params.ClientNonces = append(params.OrderRefs, d.OrderRef), append(params.ClientNonces, "")
		ten := pgtype.Numeric{Int: d.Amount.BigInt(), Valid: true}
		params.Amounts, params.DrawNumbers = append(params.Amounts, ten), append(params.DrawNumbers, ten)
	}
	if _, err := dbsqlc.New().TransactionDraw(t.Context(), c, params); !errors.Is(err, errCaptured) {
		t.Fatal(err)
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		plan := s.explain(t, mode, c)
		for _, table := range []string{"transaction_log", "auth_user"} {
			if strings.Contains(plan, "Seq Scan on "+table) || strings.Contains(plan, "Seq Scan on public."+table) {
				t.Errorf("%s: scans %s:\n%s", mode, table, plan)
			}
		}
		if !strings.Contains(plan, "transaction_log_order_key") {
			t.Errorf("%s: the order's index is not used:\n%s", mode, plan)
		}
	}
}

func (s *shop) explain(t *testing.T, mode string, c *capture) string {
	t.Helper()
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // EXPLAIN changes nothing
	if _, err := tx.Exec(t.Context(), "SET LOCAL plan_cache_mode = "+mode); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), "EXPLAIN "+c.sql, c.args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
