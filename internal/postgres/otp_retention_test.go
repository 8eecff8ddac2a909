package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// No table of ours holds a code that was mailed: not in clear, and not in a form
// that a look through six or eight digits would find.
func TestNoTableHoldsACode(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{digits: 8})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	d.later(t, time.Minute)
	if _, err := d.Resend(t.Context(), issued.ChallengeID); err != nil {
		t.Fatal(err)
	}
	codes := d.mails(t)
	refused(t, d.verify(t, issued.ChallengeID, wrong(codes...)), problem.OTPIncorrect)
	dump := d.dump(t)
	if err := d.verify(t, issued.ChallengeID, codes[0]); err != nil {
		t.Fatal(err)
	}
	dump += d.dump(t)
	if !strings.Contains(dump, "a@example.com") || len(codes[0]) != 8 {
		t.Fatal("the dump is not one")
	}
	for _, code := range codes {
		if i := strings.Index(dump, code); i >= 0 {
			t.Errorf("a code stands in %.120q", dump[max(0, i-60):])
		}
	}
}

// dump gives every row of every table and sequence of the schema as text.
func (d *otpFixture) dump(t *testing.T) string {
	t.Helper()
	rows, err := d.db.Pool.Query(t.Context(), `SELECT c.oid::regclass::text FROM pg_class c
		WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 5 {
		t.Fatal(tables, err)
	}
	var out strings.Builder
	for _, table := range tables {
		rows, err := d.db.Pool.Query(t.Context(), fmt.Sprintf(`SELECT x::text FROM %s AS x`, table))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(table + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

func TestDeletedCustomerLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	keep, gone := pgtest.AddRegistering(t, d.db, "keep@example.com"), pgtest.AddRegistering(t, d.db, "gone@example.com")
	kept, issued := d.register(t, keep), d.register(t, gone)
	code := d.code(t)
	d.db.Exec(t, `DELETE FROM public.auth_user WHERE id = $1`, gone)
	for _, table := range []string{"otp", "otp_challenge", "otp_activation"} {
		if n := count(t, d.db, `SELECT count(*) FROM sespan.`+table); n != 1 {
			t.Errorf("%d rows in %s, want that of the other customer", n, table)
		}
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_budget AS b WHERE b::text LIKE '%gone%'`); n != 0 {
		t.Error("the budget knows the address")
	}
	refused(t, d.verify(t, issued.ChallengeID, code), problem.UnknownChallenge)
	_, err := d.Issue(t.Context(), otp.Request{CustomerID: &gone, Purpose: otp.Registration})
	refused(t, err, problem.UnknownCustomer)
	if err := d.verify(t, kept.ChallengeID, d.mails(t)[0]); err != nil {
		t.Errorf("the other customer: %v", err)
	}
}

// The customer goes after the guess was counted and before the code is used up.
func TestDeletedBetweenGuessAndUse(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	var code int64
	_, err := d.store.Verify(t.Context(), issued.ChallengeID, otp.DefaultLimits(10*time.Minute), func(st otp.State) (otp.VerifyDecision, error) {
		if !st.Counted || len(st.Codes) != 1 {
			t.Errorf("state %+v", st)
		}
		code = st.Codes[0].ID
		return otp.VerifyDecision{}, context.Canceled
	})
	if err == nil || count(t, d.db, `SELECT wrong_guesses FROM sespan.otp_challenge`) != 0 {
		t.Error("the error did not roll back")
	}
	done, err := d.store.Verify(t.Context(), issued.ChallengeID, otp.DefaultLimits(10*time.Minute), func(otp.State) (otp.VerifyDecision, error) {
		return otp.VerifyDecision{Action: otp.Consume, CodeID: code + 1, Status: otp.Verified, NeedsRight: true, MayUse: true}, nil
	})
	if err != nil || done.Found || d.active(t, id) {
		t.Errorf("a code that is not there: %+v, %v", done, err)
	}
	if n := count(t, d.db, `SELECT count(*) FROM sespan.otp_activation WHERE used_at IS NULL`); n != 1 {
		t.Error("the right was used up")
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	sweep := func(want int64) {
		t.Helper()
		changed, err := d.store.Sweep(t.Context(), 0, 100)
		if err != nil || changed != want {
			t.Errorf("sweep: %d rows, %v; want %d", changed, err, want)
		}
	}
	d.register(t, id)
	d.issue(t, otp.Request{Email: "new@example.com", Purpose: otp.Registration, Data: []byte(`{"a":1}`)})
	sweep(0)
	d.later(t, 11*time.Minute)
	sweep(2) // both codes are expired
	d.later(t, 26*time.Hour)
	idle := func() int64 {
		return int64(count(t, d.db, `SELECT (SELECT count(*) FROM sespan.otp_budget) + (SELECT count(*) FROM sespan.budget)`))
	}
	sweep(1 + idle()) // the form data, and the idle budgets: of guesses, and of mails
	if left := idle(); left != 0 {
		t.Errorf("%d idle budgets are left", left)
	}
	d.later(t, 23*time.Hour)
	sweep(2) // the codes, and the challenges with them
	for table, want := range map[string]int{"otp": 0, "otp_challenge": 0, "otp_budget": 0, "otp_activation": 1} {
		if n := count(t, d.db, `SELECT count(*) FROM sespan.`+table); n != want {
			t.Errorf("%d rows in %s, want %d", n, table, want)
		}
	}
	if err := d.verify(t, d.register(t, id).ChallengeID, d.code(t)); err != nil || !d.active(t, id) {
		t.Errorf("the right went with the sweep: %v", err)
	}
}
