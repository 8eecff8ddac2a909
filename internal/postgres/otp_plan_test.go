package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// No statement of a request looks through a table, whatever its parameters: the
// plan that serves all of them (the generic one) goes by indexes.
func TestOTPPlansGoByIndexes(t *testing.T) {
	t.Parallel()
	// A plan that was made for empty tables is kept while they grow.
	for name, customers := range map[string]int{"of a site in use": 5000, "of a new site": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			if customers > 0 {
				d.fill(t, customers)
			}
			d.checkPlans(t)
		})
	}
}

func (d *otpFixture) checkPlans(t *testing.T) {
	t.Helper()
	const uuid = "'01997d4e-6f2a-7cc3-98c4-dc0c0c07398f'"
	texts := statements(t)
	for name, args := range map[string]string{
		"OTPBudgetOpen":      `'login', false, 77, NULL`,
		"OTPState":           `NULL, 'login', false, '192.0.2.1', 77, '{}'`,
		"OTPBudgetOpenOf":    uuid,
		"OTPStateOf":         `NULL, ` + uuid,
		"OTPMailsLock":       `false, '192.0.2.1', 77, NULL`,
		"OTPMailsLockOf":     `NULL, ` + uuid,
		"OTPBudgetLockOf":    uuid,
		"OTPGuess":           uuid + `, 5, 10`,
		"OTPChallengeInsert": uuid + `, 77, '\x00', 'a@example.com', false, now(), false, 'login', 'en', 'a@example.com', NULL, ` + uuid,
		"OTPChallengeExtend": `3, ` + uuid + `, now()`,
		"OTPLock":            uuid,
		"OTPExpire":          uuid,
		"OTPRightEnd":        `77`,
		"OTPConsume":         `true, ` + uuid + `, 1, true, 'verified', 77`,
	} {
		_, text, ok := strings.Cut(texts[name], "\n")
		if !ok {
			t.Fatalf("there is no statement %s", name)
		}
		plan := d.genericPlan(t, name, text, args)
		for _, table := range []string{"otp", "otp_challenge", "otp_budget", "otp_activation"} {
			if strings.Contains(plan, "Seq Scan on "+table+" ") || strings.Contains(plan, "Hash") {
				t.Errorf("%s looks through a table:\n%s", name, plan)
				break
			}
		}
	}
}

// Planning OTPState takes longer than running it, so PostgreSQL must settle on one
// plan for all parameters.
func TestOTPStateKeepsItsPlan(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	d.fill(t, 1000)
	conn, err := d.db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	_, text, _ := strings.Cut(statements(t)["OTPState"], "\n")
	run := []string{"PREPARE state AS " + text}
	for range 4 {
		run = append(run, `EXECUTE state(NULL, 'login', false, NULL, 77, '{}')`, `EXECUTE state('u78@example.com', 'registration', true, NULL, NULL, ARRAY['u78@example.com'])`)
	}
	for _, statement := range run {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var kept int
	if err := conn.QueryRow(t.Context(), `SELECT generic_plans FROM pg_prepared_statements WHERE name = 'state'`).Scan(&kept); err != nil || kept == 0 {
		t.Fatalf("it is planned again for each call (%v)", err)
	}
}

// fill makes n customers with codes of the past hour.
func (d *otpFixture) fill(t *testing.T, n int) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO public.auth_user (username, email) SELECT 'u' || i, 'u' || i || '@example.com' FROM generate_series(1, $1::int) AS i`,
		`INSERT INTO sespan.otp_budget (budget_key) SELECT sespan.otp_budget_key('u' || i || '@example.com', 'login', false) FROM generate_series(1, $1::int) AS i`,
		`INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key, address_key, known_browser, sent_at, valid_until, decoy, purpose, locale, email)
			SELECT gen_random_uuid(), i, sespan.otp_budget_key('u' || i || '@example.com', 'login', false), 'u' || i || '@example.com', false, now(), now() + interval '10 minutes', false,
			'login', 'en', 'u' || i || '@example.com' FROM generate_series(1, $1::int) AS i, generate_series(1, 4)`,
		`INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email, key_id, otp_number)
			SELECT customer_id, challenge_id, valid_until, purpose, email, 'k1', sha256('x') FROM sespan.otp_challenge WHERE customer_id <= $1::int`,
		`INSERT INTO sespan.otp_activation (customer_id, granted_at) SELECT i, now() FROM generate_series(1, $1::int) AS i`,
	} {
		d.db.Exec(t, statement, n)
	}
	d.db.Exec(t, `ANALYZE`)
}

func (d *otpFixture) genericPlan(t *testing.T, name, text, args string) string {
	t.Helper()
	conn, err := d.db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, statement := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE " + name + " AS " + text} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("EXPLAIN (COSTS OFF) EXECUTE %s(%s)", name, args))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.Join(lines, "\n") + " "
}
