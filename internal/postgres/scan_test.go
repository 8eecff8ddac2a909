package postgres_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/poll"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

const walkers = 16

// No call for a code, its mail or its budgets reads a table that grows from end to
// end, in functions either, whose plans EXPLAIN does not show. The plans are made
// while the tables are empty, as on a site's first day.
func TestNoCallReadsAGrowingTable(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	calls := *d
	login := d.db.Login(t, "", "sespan_service")
	pool := openPool(t, login.URL, 1)
	calls.store = postgres.NewOTPStore(pool)
	calls.start(t, otpOptions{keys: secret.Generate("k1")})
	walk := func(from int) {
		visitor := netip.MustParseAddr("192.0.2.1")
		var challenges []uuid.UUID
		for i := range walkers {
			customer := pgtest.AddCustomer(t, d.db, fmt.Sprintf("walk%d@example.com", from+i), true)
			issued := calls.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Login, Visitor: visitor})
			if err := calls.verify(t, issued.ChallengeID, "0000000"); err == nil {
				t.Fatal("a wrong code was taken")
			}
			challenges = append(challenges, issued.ChallengeID)
		}
		d.later(t, 61*time.Second) // reads each table once
		for _, challenge := range challenges {
			if _, err := calls.Resend(t.Context(), challenge); err != nil {
				t.Fatal(err)
			}
			if err := calls.verify(t, challenge, calls.code(t)); err != nil {
				t.Fatal(err)
			}
		}
		d.later(t, 24*time.Hour) // the visitor's budget is full again
	}
	walk(0)
	d.db.Exec(t, `DELETE FROM sespan.otp`)
	d.db.Exec(t, `DELETE FROM sespan.otp_challenge`)
	d.db.Exec(t, `DELETE FROM sespan.otp_budget`)
	d.fill(t, 3000)
	d.db.Exec(t, `INSERT INTO sespan.budget (budget_key, used_at)
		SELECT sespan.budget_key('mails_address', 'u' || i || '@example.com'), ARRAY[now()] FROM generate_series(1, 3000) AS i`)
	before := read(t, d.db)
	walk(100)
	pool.Close()
	gone(t, d.db, login.Name)
	for table, rows := range read(t, d.db) {
		if rows -= before[table]; rows > 3000*walkers {
			t.Errorf("%s was read from end to end: %d rows", table, rows)
		}
	}
}

// read gives the rows that were read by scans of whole tables.
func read(t *testing.T, db *pgtest.DB) map[string]int64 {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), `SELECT relname, seq_tup_read FROM pg_stat_all_tables WHERE schemaname IN ('sespan', 'public')`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { found[table] += n; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

// gone waits until the sessions of a login have ended, and with that have told what
// they read.
func gone(t *testing.T, db *pgtest.DB, login string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := poll.Until(ctx, 20*time.Millisecond, func() (bool, error) {
		var left int
		err := db.Pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE usename = $1`, strings.TrimSpace(login)).Scan(&left)
		return left == 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
