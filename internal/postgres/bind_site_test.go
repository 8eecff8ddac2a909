package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// The site's own migrations run as the login that owns its tables.
func site(t *testing.T, db *pgtest.DB) *pgxpool.Pool {
	t.Helper()
	login := db.Login(t, "")
	db.Exec(t, "ALTER TABLE public.auth_user OWNER TO "+login.Name)
	db.Exec(t, "GRANT CREATE ON SCHEMA public TO "+login.Name)
	return login.Pool
}

func bindingState(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.Login(t, "", "sespan_service").URL})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	state, err := pool.BindingState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(state.State+": "+state.Reason, ": ")
}

func bind(t *testing.T, db *pgtest.DB, table string, columns ...string) postgres.BindResult {
	t.Helper()
	given, err := postgres.ParseColumns(columns)
	if err != nil {
		t.Fatal(err)
	}
	// Another table than the template's, too.
	r, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: table, Columns: given, Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type customer struct {
	ID                     int64
	Email, Phone, Username *string
	Active                 *bool
}

const byID = "SELECT customer_id, email, phone_number, username, is_active FROM sespan.customer_by_id($1)"

func customerByID(t *testing.T, db *pgtest.DB, id int64) (customer, error) {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), byID, id)
	if err != nil {
		return customer{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[customer])
}

func addCode(t *testing.T, db *pgtest.DB, id int64) {
	t.Helper()
	db.Exec(t, `INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email, key_id, otp_number)
		VALUES ($1, gen_random_uuid(), now() + interval '10 minutes', 'login', 'a@example.com', 'k', sha256('x'))`, id)
	db.Exec(t, `INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES ($1, now()) ON CONFLICT DO NOTHING`, id)
}

func TestSiteChangesItsColumns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, state string }{
		"AutoField to BigAutoField": {"ALTER TABLE public.auth_user ALTER COLUMN id TYPE bigint", "bound"},
		"longer e-mail":             {"ALTER TABLE public.auth_user ALTER COLUMN email TYPE varchar(320)", "bound"},
		"e-mail as text":            {"ALTER TABLE public.auth_user ALTER COLUMN email TYPE text", "bound"},
		"column added":              {"ALTER TABLE public.auth_user ADD COLUMN nickname text NOT NULL DEFAULT ''", "bound"},
		"unbound column dropped":    {"ALTER TABLE public.auth_user DROP COLUMN last_name", "bound"},
		"column renamed": {
			"ALTER TABLE public.auth_user RENAME COLUMN phone_number TO phone",
			"stale: column public.auth_user.phone_number does not exist",
		},
		"column dropped": {
			"ALTER TABLE public.auth_user DROP COLUMN phone_number CASCADE",
			"stale: column public.auth_user.phone_number does not exist",
		},
		"table renamed": {"ALTER TABLE public.auth_user RENAME TO member", "stale: table public.auth_user does not exist"},
		"table dropped": {"DROP TABLE public.auth_user CASCADE", "stale: table public.auth_user does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			id := pgtest.AddCustomer(t, db, "a@example.com", true)
			addCode(t, db, id)
			if _, err := site(t, db).Exec(t.Context(), c.statement); err != nil {
				t.Fatalf("the site may not %s: %v", c.statement, err)
			}
			if got := bindingState(t, db); got != c.state {
				t.Errorf("state %q, want %q", got, c.state)
			}
			_, err := customerByID(t, db, id)
			if (err == nil) != (c.state == "bound") {
				t.Errorf("customer_by_id: %v in state %s", err, c.state)
			}
		})
	}
}

func TestRenewedBindingFindsTheRenamedColumn(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	id := pgtest.AddCustomer(t, db, "a@example.com", true)
	db.Exec(t, "UPDATE public.auth_user SET phone_number = '+62 811'")
	db.Exec(t, "ALTER TABLE public.auth_user RENAME COLUMN phone_number TO phone")
	if r := bind(t, db, "public.auth_user"); r.Unchanged || r.Columns["phone_number"] != "phone" {
		t.Errorf("bind: %+v, want a change and the column phone", r)
	}
	if got := bindingState(t, db); got != "bound" {
		t.Errorf("state %q, want bound", got)
	}
	c, err := customerByID(t, db, id)
	if err != nil || c.Phone == nil || *c.Phone != "+62 811" {
		t.Errorf("customer %+v, %v, want the phone number", c, err)
	}
}

func TestDeletedUserTakesTheCodesAlong(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	keep, gone := pgtest.AddCustomer(t, db, "a@example.com", true), pgtest.AddCustomer(t, db, "b@example.com", true)
	addCode(t, db, keep)
	addCode(t, db, gone)
	if _, err := site(t, db).Exec(t.Context(), "DELETE FROM public.auth_user WHERE id = $1", gone); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"sespan.otp", "sespan.otp_activation"} {
		if n := count(t, db, "SELECT count(*) FROM "+table); n != 1 {
			t.Errorf("%d rows left in %s, want that of the other customer", n, table)
		}
	}
}

func TestUnbindLetsTheSiteFlush(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	id := pgtest.AddCustomer(t, db, "a@example.com", true)
	addCode(t, db, id)
	owner := site(t, db)
	if _, err := owner.Exec(t.Context(), "TRUNCATE public.auth_user"); err == nil {
		t.Fatal("TRUNCATE works with the foreign keys in place, so this test shows nothing")
	}
	was, err := postgres.UnbindCustomers(t.Context(), db.URL, nil)
	if err != nil || !was {
		t.Fatalf("unbind: %v, %v, want true", was, err)
	}
	if was, err = postgres.UnbindCustomers(t.Context(), db.URL, nil); err != nil || was {
		t.Errorf("second unbind: %v, %v, want false", was, err)
	}
	if _, err := owner.Exec(t.Context(), "TRUNCATE public.auth_user"); err != nil {
		t.Errorf("flush of the site: %v", err)
	}
	if got := bindingState(t, db); got != "unbound: no customer table is bound" {
		t.Errorf("state %q, want unbound", got)
	}
	if _, err := customerByID(t, db, id); err == nil || !strings.Contains(err.Error(), "SP001") {
		t.Errorf("customer_by_id: %v, want SP001", err)
	}
	r := bind(t, db, "public.auth_user")
	if r.Reference != "valid" || !strings.Contains(strings.Join(r.Advice, " "), "2 row(s) of customers that no longer exist") {
		t.Errorf("bind again: %+v, want valid foreign keys and two orphans deleted", r)
	}
}

func TestSecondBindWaitsForNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	id := pgtest.AddCustomer(t, db, "a@example.com", true)
	writer, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.Background())
	if _, err := writer.Exec(t.Context(), "UPDATE public.auth_user SET username = 'x' WHERE id = $1", id); err != nil {
		t.Fatal(err)
	}
	r, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.auth_user", Progress: func(line string) {
		t.Errorf("bind waits: %s", line)
	}})
	if err != nil || !r.Unchanged {
		t.Errorf("bind beside a writer: %+v, %v, want unchanged", r, err)
	}
}

func TestFirstBindWaitsForAWriter(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	if _, err := postgres.UnbindCustomers(t.Context(), db.URL, nil); err != nil {
		t.Fatal(err)
	}
	writer, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.Background())
	if _, err := writer.Exec(t.Context(), "INSERT INTO public.auth_user (username, email) VALUES ('x', 'x@example.com')"); err != nil {
		t.Fatal(err)
	}
	waited := false
	r, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.auth_user", Progress: func(line string) {
		if strings.Contains(line, "waits for a lock") && !waited {
			waited = true
			_ = writer.Rollback(context.Background())
		}
	}})
	if err != nil || r.Reference != "valid" || !waited {
		t.Errorf("bind: %+v, %v, waited %v; want valid foreign keys after the writer has ended", r, err, waited)
	}
}
