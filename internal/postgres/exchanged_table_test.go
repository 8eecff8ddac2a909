package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"sespan/internal/otp"
	"sespan/internal/problem"
)

// Customers whom the foreign key of the codes does not find have not "just been deleted": who
// asks for their code, and who registers one, is told what is wrong with the table.
func TestCustomersThatTheForeignKeyDoesNotFind(t *testing.T) {
	t.Parallel()
	const add = "INSERT INTO public.%s (id, username, email, is_active) VALUES (4711, 'new', 'new@example.com', %t) RETURNING id"
	for name, c := range map[string]struct{ exchange, table, told string }{
		"in a table that inherits": {
			"CREATE TABLE public.vip () INHERITS (public.auth_user)", "vip",
			"which inherits from public.auth_user",
		},
		"in a copy": {
			`ALTER TABLE public.auth_user RENAME TO old; CREATE TABLE public.auth_user (LIKE public.old INCLUDING ALL);
				GRANT ALL ON public.auth_user TO sespan_service`, "auth_user", "another table stands in the place of the bound one",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			d.db.Exec(t, c.exchange)
			var id int64
			if err := d.db.Pool.QueryRow(t.Context(), fmt.Sprintf(add, c.table, true)).Scan(&id); err != nil {
				t.Fatal(err)
			}
			for what, r := range map[string]otp.Request{
				"by number":  {CustomerID: &id, Purpose: otp.Login},
				"by address": {Email: "new@example.com", Purpose: otp.Login},
			} {
				_, err := d.Issue(t.Context(), r)
				if p := refused(t, err, problem.Unavailable); !strings.Contains(p.Detail, c.told) || !strings.Contains(p.Detail, "bind-customers") {
					t.Errorf("%s: %s, want %q", what, p.Detail, c.told)
				}
			}
			if n := count(t, d.db, "SELECT count(*) FROM sespan.mail_message"); n != 0 {
				t.Errorf("%d mails", n)
			}
			_, err := d.db.Pool.Exec(t.Context(), fmt.Sprintf(`BEGIN; INSERT INTO public.%s (id, username, email, is_active)
				VALUES (4712, 'third', 'third@example.com', false); SELECT sespan.otp_register(4712); COMMIT`, c.table))
			if err == nil || !strings.Contains(err.Error(), "another table than the one that codes refer to") || !strings.Contains(err.Error(), "SP001") {
				t.Errorf("a registration: %v", err)
			}
		})
	}
}

// A code for somebody who was deleted at this very moment is a code for nobody.
func TestACustomerWhoIsGone(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	gone := int64(4711)
	_, err := d.Issue(t.Context(), otp.Request{CustomerID: &gone, Purpose: otp.Login})
	refused(t, err, problem.UnknownCustomer)
}
