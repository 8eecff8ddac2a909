package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// When autovacuum analyses a queue that is drained, PostgreSQL takes a batch of
// results for few rows, and a join that compares each row with each becomes the
// cheapest: 65,000 comparisons for a batch of 256. The statement is planned for many.
func TestMailSettleComparesByHash(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]int{"full": 20_000, "drained": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			enqueueMany(t, db, 20_000)
			db.Exec(t, "DELETE FROM sespan.mail_queue WHERE message_id > $1", left)
			db.Exec(t, "ANALYZE sespan.mail_queue, sespan.mail_message, sespan.mail_outcome")
			if plan := settlePlan(t, db); strings.Contains(plan, "Join Filter") || strings.Contains(plan, "Seq Scan") {
				t.Error(plan)
			}
		})
	}
}

// settlePlan is the plan that a worker's session has for writing results.
func settlePlan(tb testing.TB, db *pgtest.DB) string {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), postgres.Options{URL: db.URL, GenericPlans: true, MaxConns: 1})
	if err != nil {
		tb.Fatal(err)
	}
	defer pool.Close()
	s := postgres.NewMail(pool)
	if ids := settle(tb, s, mail.StateSent, claim(tb, s, 1, 1, time.Minute)...); len(ids) != 1 {
		tb.Fatalf("settled %v", ids)
	}
	var name string
	if err := pool.QueryRow(tb.Context(), "SELECT name FROM pg_prepared_statements WHERE statement LIKE '-- name: MailSettle %'").Scan(&name); err != nil {
		tb.Fatal(err)
	}
	rows, err := pool.Query(tb.Context(), fmt.Sprintf("EXPLAIN EXECUTE %q ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')", name))
	if err != nil {
		tb.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(lines) == 0 {
		tb.Fatalf("no plan: %v", err)
	}
	return strings.Join(lines, "\n")
}
