package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
)

const (
	insertInactive = `INSERT INTO public.auth_user (id, username, email, is_active) VALUES ($1::bigint, $1::bigint::text, $1::bigint::text || '@example.com', false)`
	insertActive   = `INSERT INTO public.auth_user (id, username, email, is_active) VALUES ($1::bigint, $1::bigint::text, $1::bigint::text || '@example.com', true)`
	update         = `UPDATE public.auth_user SET password = password || 'x' WHERE id = $1`
	otpRegister    = `SELECT sespan.otp_register($1)`
	otpSupersede   = `SELECT sespan.otp_supersede($1)`
	takeXID        = `SELECT pg_current_xact_id() WHERE $1::bigint IS NOT NULL`
)

// run executes statements with the customer's key in transactions: "COMMIT" ends one.
// It gives the last text that one of them answered.
func run(t *testing.T, site *pgtest.Login, customer int64, statements ...string) (answer string) {
	t.Helper()
	conn, err := site.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, statement := range append(append([]string{"BEGIN"}, statements...), "COMMIT") {
		switch statement {
		case otpRegister, otpSupersede:
			err = conn.QueryRow(t.Context(), statement, customer).Scan(&answer)
		case "COMMIT", "BEGIN", "SAVEPOINT a", "RELEASE a", "ROLLBACK TO a":
			_, err = conn.Exec(t.Context(), statement)
			if err == nil && statement == "COMMIT" {
				_, err = conn.Exec(t.Context(), "BEGIN")
			}
		default:
			_, err = conn.Exec(t.Context(), statement, customer)
		}
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	return answer
}

// A right is born with its customer: only the transaction that inserts the row grants
// it, whatever else it does, and no later one.
func TestARightIsBornWithItsCustomer(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	var id int64 = 1000
	for name, c := range map[string]struct {
		statements   []string
		answer, then string
	}{
		"inserted":               {[]string{insertInactive, otpRegister}, "granted", "live"},
		"twice":                  {[]string{insertInactive, otpRegister, otpRegister}, "live", "live"},
		"saved twice":            {[]string{insertInactive, update, otpRegister}, "granted", "live"},
		"after other writes":     {[]string{takeXID, insertInactive, otpRegister}, "granted", "live"},
		"in a savepoint":         {[]string{"SAVEPOINT a", insertInactive, otpRegister, "RELEASE a"}, "granted", "live"},
		"after a savepoint":      {[]string{"SAVEPOINT a", insertInactive, "RELEASE a", otpRegister}, "granted", "live"},
		"before a savepoint":     {[]string{insertInactive, "SAVEPOINT a", otpRegister, "RELEASE a"}, "granted", "live"},
		"a savepoint later":      {[]string{insertInactive, "SAVEPOINT a", update, "ROLLBACK TO a", otpRegister}, "granted", "live"},
		"the grant rolled back":  {[]string{insertInactive, "SAVEPOINT a", otpRegister, "ROLLBACK TO a"}, "granted", "none"},
		"granted once more":      {[]string{insertInactive, "SAVEPOINT a", otpRegister, "ROLLBACK TO a", otpRegister}, "granted", "live"},
		"inserted active":        {[]string{insertActive, otpRegister}, "ended", "none"},
		"superseded":             {[]string{insertInactive, otpSupersede}, "ended", "none"},
		"a moment later":         {[]string{insertInactive, "COMMIT", otpRegister}, "ended", "none"},
		"later, after writes":    {[]string{insertInactive, "COMMIT", takeXID, otpRegister}, "ended", "none"},
		"later, locked":          {[]string{insertInactive, "COMMIT", lockCustomer, otpRegister}, "ended", "none"},
		"later, an undone save":  {[]string{insertInactive, "COMMIT", "SAVEPOINT a", update, "ROLLBACK TO a", otpRegister}, "ended", "none"},
		"later, before the save": {[]string{insertInactive, "COMMIT", otpSupersede, update}, "ended", "none"},
		"later, after the save":  {[]string{insertInactive, "COMMIT", update, otpSupersede}, "ended", "none"},
		"saved later":            {[]string{insertInactive, "COMMIT", update, "COMMIT", otpRegister}, "ended", "none"},
	} {
		id++
		if got := run(t, site, id, c.statements...); got != c.answer {
			t.Errorf("%s: %s, want %s", name, got, c.answer)
		}
		if got := text(t, site, `SELECT sespan.otp_right($1)`, id); got != c.then {
			t.Errorf("%s: the right is %s, want %s", name, got, c.then)
		}
	}
	if got := registered(t, site, 4711); got != "ended" {
		t.Errorf("nobody: %s", got)
	}
}

// Not by VACUUM either, nor after as many transactions as there may be.
func TestAFrozenRowIsNoNewOne(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	id := pgtest.AddCustomer(t, d.db, "a@example.com", false)
	d.db.Exec(t, `VACUUM (FREEZE) public.auth_user`)
	if got := run(t, site, id, takeXID, otpRegister); got != "ended" {
		t.Errorf("otp_register: %s", got)
	}
}

// A right that ended never comes back, however it ended.
func TestAnEndedRightNeverComesBack(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	site := d.newSite(t)
	for name, end := range map[string]string{
		"used":        `UPDATE sespan.otp_activation SET used_at = now() WHERE customer_id = $1`,
		"revoked":     `SELECT sespan.otp_revoke($1)`,
		"made active": `UPDATE public.auth_user SET is_active = true WHERE id = $1`,
	} {
		id := pgtest.AddRegistering(t, d.db, name+"@example.com")
		d.db.Exec(t, end, id)
		for _, look := range []func() string{
			func() string { return superseded(t, site, id) },
			func() string { return registered(t, site, id) },
		} {
			if got := look(); got != "ended" {
				t.Errorf("%s: %s", name, got)
			}
		}
		d.db.Exec(t, `UPDATE public.auth_user SET is_active = false WHERE id = $1`, id)
		if got := run(t, site, id, otpRegister); got != "ended" {
			t.Errorf("%s, later: %s", name, got)
		}
	}
}

// Two forms for one new customer at once: the second waits for the row or finds none.
func TestTwoRegistrationsAtOnce(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	site := d.newSite(t)
	for id := range int64(20) {
		answers := make([]string, 4)
		slugs := concurrently(len(answers), func(i int) error {
			err := pgx.BeginFunc(t.Context(), site.Pool, func(tx pgx.Tx) error {
				insert := insertInactive + ` ON CONFLICT DO NOTHING`
				if _, err := tx.Exec(t.Context(), insert, id+1); err != nil {
					return err
				}
				return tx.QueryRow(t.Context(), otpRegister, id+1).Scan(&answers[i])
			})
			if err != nil {
				t.Log(err)
			}
			return err
		})
		granted := map[string]int{}
		for _, answer := range answers {
			granted[answer]++
		}
		if slugs[""] != len(answers) || granted["granted"] != 1 || granted["live"] != len(answers)-1 {
			t.Fatalf("%v, %v", answers, slugs)
		}
	}
	d.noDeadlock(t)
}
