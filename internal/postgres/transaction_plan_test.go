package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/transaction"
)

// A session that drew when the log was empty keeps its plans; with a million rows
// they must still look up by key, as must those of a new session.
func TestDrawPlansAtAMillionRows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n, each := int64(1000), int32(1000)
	s.tier(t, "0.5", "0.5", func(x *transaction.Tier) { x.BudgetUses, x.PerCustomerUses, x.PerCustomerDraws = &n, &each, &each })
	s.exec(t, `ANALYZE`)
	old := s.session(t)
	reads(t, old, 1)
	s.exec(t, `ALTER TABLE sespan.transaction_log DROP CONSTRAINT transaction_log_pkey, DROP CONSTRAINT transaction_log_order_key`) // filled in a third of the time
	s.exec(t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
		SELECT i % 50000 + 1, 'O-' || i, 'u', false, 10, 10, x.at, 1, (x.at AT TIME ZONE 'UTC')::date, '', 5
		FROM generate_series(1, 1000000) i, LATERAL (SELECT now() - make_interval(mins => i) AS at) x`)
	s.exec(t, `ALTER TABLE sespan.transaction_log ADD CONSTRAINT transaction_log_pkey PRIMARY KEY (transaction_id),
		ADD CONSTRAINT transaction_log_order_key UNIQUE (order_ref, customer_id)`)
	s.exec(t, `INSERT INTO public.auth_user (username, email) SELECT 'many' || i, 'many' || i || '@example.com' FROM generate_series(1, 50000) i`)
	for name, conn := range map[string]*pgx.Conn{"planned on an empty log": old, "planned on a full log": s.session(t)} {
		if got := reads(t, conn, 100); got > 500 {
			t.Errorf("%s: 16 draws read %d rows", name, got)
		}
	}
	s.exec(t, `ANALYZE`)
	if got := reads(t, old, 200); got > 500 {
		t.Errorf("after ANALYZE: 16 draws read %d rows", got)
	}
}

func (s *shop) session(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// reads draws 16 orders from number first on, and gives how many rows of the big
// tables that took.
func reads(t *testing.T, conn *pgx.Conn, first int) int {
	t.Helper()
	var got int
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), fmt.Sprintf(`SELECT sespan.transaction_draw(sespan.draw_epoch_today(), 1::smallint, 2,
			array_agg(i::bigint), array_agg('N-' || i), array_agg(10::numeric), array_agg(''::text), array_agg(0::numeric))
			FROM generate_series(%d, %[1]d + 15) i(i)`, first))
		if err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))
			FROM pg_stat_xact_user_tables WHERE relname IN ('transaction_log', 'auth_user')`).Scan(&got)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
