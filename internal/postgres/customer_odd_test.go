package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// moments are what PostgreSQL holds in a time and Go, Python and JSON do not.
var moments = map[string][]string{
	"timestamptz": {"infinity", "-infinity", "4713-01-02 00:00+00 BC", "0044-03-15 BC", "0001-01-01", "9999-12-31 23:59+00", "10000-01-01", "294276-12-31 23:59:59+00"},
	"timestamp":   {"infinity", "-infinity", "4713-01-01 00:00 BC", "294276-12-31 23:59:59"},
	"date":        {"infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"},
}

// A moment of the site's table that nothing else can hold reads as none, whatever the type of
// its column, and keeps nobody from registering, logging in, being activated or exported.
func TestMomentsThatNothingHolds(t *testing.T) {
	t.Parallel()
	for kind, values := range moments {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			d.db.Exec(t, "CREATE TABLE public.member (id int PRIMARY KEY, email text UNIQUE, is_active boolean NOT NULL DEFAULT false, date_joined "+kind+", updated_at "+kind+")")
			bind(t, d.db, "public.member")
			held := postgres.NewCustomerData(openPool(t, d.db.ServiceURL(t), 1))
			for i, value := range values {
				id, email := int64(i+1), string(rune('a'+i))+"@example.com"
				d.db.Exec(t, fmt.Sprintf(`SET TimeZone = 'America/St_Johns'; BEGIN; INSERT INTO public.member (id, email, date_joined, updated_at)
					VALUES (%d, '%s', '%s', '%[3]s'); SELECT sespan.otp_register(%[1]d); COMMIT`, id, email, value))
				issued := d.register(t, id)
				codes := d.mails(t)
				if err := d.verify(t, issued.ChallengeID, codes[len(codes)-1]); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				d.db.Exec(t, fmt.Sprintf("UPDATE public.member SET updated_at = '%s' WHERE id = %d", value, id))
				if p, err := held.Find(t.Context(), &id, ""); err != nil || len(p.Emails) != 1 {
					t.Errorf("%s, what is held: %+v, %v", value, p, err)
				}
				d.later(t, 2*time.Minute)
				d.issue(t, otp.Request{Email: email, Purpose: otp.Login})
				if n := count(t, d.db, "SELECT count(*) FROM sespan.customer WHERE customer_id = $1 AND is_active AND date_joined IS NULL AND updated_at IS NULL", id); n != 1 {
					t.Errorf("%s does not read as none", value)
				}
			}
			if _, err := tryAsService(t, d); err != nil {
				t.Errorf("doctor: %v", err)
			}
		})
	}
}

// NULL in is_active is not active, as it is for Django: no code for a login, no word of an
// account that is there, and only who registers with it is activated.
func TestNullIsNotActive(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	d.db.Exec(t, "ALTER TABLE public.auth_user ALTER is_active DROP NOT NULL, ALTER is_active DROP DEFAULT")
	id := pgtest.AddCustomer(t, d.db, "a@example.com", true)
	d.db.Exec(t, "UPDATE public.auth_user SET is_active = NULL")
	d.decoy(t, d.issue(t, otp.Request{Email: "a@example.com", Purpose: otp.Login}), id, 0)
	d.later(t, 2*time.Minute)
	d.decoy(t, d.register(t, id), id, 0)
	if tried, err := tryAsService(t, d); err != nil || tried != "customer 1" {
		t.Errorf("doctor: %q, %v", tried, err)
	}
	d.db.Exec(t, `BEGIN; INSERT INTO public.auth_user (id, username, email) VALUES (7, 'new', 'new@example.com'); SELECT sespan.otp_register(7); COMMIT`)
	seven := int64(7)
	issued := d.register(t, seven)
	if err := d.verify(t, issued.ChallengeID, d.code(t)); err != nil || !d.active(t, seven) {
		t.Errorf("who registers with NULL: %v", err)
	}
	d.db.Exec(t, "UPDATE public.auth_user SET is_active = NULL WHERE id = 7") // as a ban
	d.later(t, 2*time.Minute)
	d.decoy(t, d.register(t, seven), seven, 1)
}

// A rule of the site's table that refuses the activation is named, and nothing of the row
// that PostgreSQL shows with it, the hash of the password among it, comes any further.
func TestARefusedActivationShowsNoRow(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{
		"check":   "ALTER TABLE public.auth_user ADD CONSTRAINT grown CHECK (NOT is_active) NOT VALID",
		"trigger": on("BEFORE UPDATE", "RAISE EXCEPTION 'no' USING DETAIL = 'Failing row contains ' || NEW::text;"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			id := pgtest.AddRegistering(t, d.db, "sari@example.com")
			d.db.Exec(t, "UPDATE public.auth_user SET password = 'pbkdf2_sha256$x'")
			d.db.Exec(t, rule)
			issued := d.register(t, id)
			_, err := d.Verify(t.Context(), issued.ChallengeID, d.code(t), "")
			if p := refused(t, err, problem.CustomerUpdateRefused); p.Field != "" || !strings.Contains(p.Detail, "auth_user") {
				t.Errorf("the answer: %s", p.Detail)
			}
			_, tried := tryAsService(t, d)
			for _, told := range []error{err, errors.Unwrap(err), tried} {
				text := fmt.Sprintf("%v %+v", told, told)
				if told == nil || strings.Contains(text, "pbkdf2") || strings.Contains(text, "Failing row") || strings.Contains(text, "sari@example.com") {
					t.Errorf("shows the row: %s", text)
				}
			}
		})
	}
}
