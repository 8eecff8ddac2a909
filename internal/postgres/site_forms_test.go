package postgres_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// A key's type is judged alike where it is bound and afterwards, however deep a domain is.
func TestKeysOfADomainAreBound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ domains, key, refused string }{
		"a domain":               {"CREATE DOMAIN public.k AS bigint", "public.k", ""},
		"a domain of a domain":   {"CREATE DOMAIN public.j AS int CHECK (VALUE > 0); CREATE DOMAIN public.k AS public.j", "public.k", ""},
		"smallint":               {"", "smallint", ""},
		"uuid":                   {"", "uuid", "has no integer key"},
		"a domain of numeric":    {"CREATE DOMAIN public.k AS numeric(20)", "public.k", "has no integer key"},
		"a domain of a text one": {"CREATE DOMAIN public.j AS text; CREATE DOMAIN public.k AS public.j", "public.k", "has no integer key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			db.Exec(t, c.domains+"; CREATE TABLE public.person (id "+c.key+" PRIMARY KEY, email text, is_active boolean)")
			_, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.person", Replace: true})
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("%v, want %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if state, err := openPool(t, db.ServiceURL(t), 1).BindingState(t.Context()); err != nil || !state.OK() || state.Reason != "" {
				t.Errorf("afterwards: %+v, %v", state, err)
			}
		})
	}
}

// Rows of a table that inherits are read, and no foreign key finds them: it is told.
func TestTablesThatInheritAreTold(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "CREATE TABLE public.vip () INHERITS (public.auth_user)")
	r, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{})
	if err != nil || !strings.Contains(strings.Join(r.Advice, "\n"), "Customers whose row is in public.vip, which inherits from public.auth_user, get no codes") {
		t.Errorf("%+v, %v", r.Advice, err)
	}
	state, err := openPool(t, db.ServiceURL(t), 1).BindingState(t.Context())
	if err != nil || !state.OK() || !strings.Contains(state.Reason, "which inherits from public.auth_user, get no codes") {
		t.Errorf("%+v, %v", state, err)
	}
}

// The table of a model that inherits has no address: the hint names the table that is bound.
func TestTheTableOfAChildModelNamesItsParent(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "CREATE TABLE public.member (user_ptr_id int PRIMARY KEY REFERENCES public.auth_user (id), points int)")
	_, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.member", Replace: true})
	if err == nil || !strings.Contains(err.Error(), "its key is that of public.auth_user") || !strings.Contains(err.Error(), "bind --table public.auth_user") {
		t.Errorf("%v", err)
	}
	_, err = postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.member", Replace: true, Columns: map[string]string{"email": "public.auth_user.email@id"}})
	if err == nil || !strings.Contains(err.Error(), "bind the table that has it") {
		t.Errorf("with --column: %v", err)
	}
}

// What the owner of the table has to run is printed with one semicolon, which is the printer's.
func TestPendingStatementsEndInNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "CREATE TABLE public.person (id int PRIMARY KEY, email text, is_active boolean)")
	rows, err := db.Pool.Query(t.Context(), `SELECT g FROM sespan.customer_grants('public.person'::regclass, '{"customer_id": {"column": "id"}, "email": {"column": "email"}}', 'sespan_service', 'sespan_owner') AS g`)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			t.Fatal(err)
		}
		if n++; strings.HasSuffix(statement, ";") {
			t.Errorf("%s", statement)
		}
	}
	if rows.Err() != nil || n == 0 {
		t.Errorf("%d statements, %v", n, rows.Err())
	}
}

// A login that its address makes another role of (options=-c role=…) goes on as that.
func TestMigrateAsTheRoleOfTheAddress(t *testing.T) {
	t.Parallel()
	db, prefix := pgtest.EmptyDB(t), rolePrefix()
	login := db.Login(t, "")
	db.Exec(t, "CREATE ROLE "+prefix+"dba SUPERUSER; GRANT "+prefix+"dba TO "+login.Name+"; ALTER ROLE "+login.Name+" NOINHERIT")
	at := login.URL + "&options=-c%20role%3D" + prefix + "dba"
	if _, err := postgres.Migrate(t.Context(), at, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(t.Context(), at, postgres.MigrateOptions{}); err != nil {
		t.Error(err)
	}
}

// Where transactions are stricter by default, mails are retired all the same: ours name
// their level, as settings of the connection and, through a pooler, of the login.
func TestRetentionUnderAStricterDefault(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		db := pgtest.NewDB(t)
		pastDay(t, db, 400)
		db.Exec(t, `ALTER DATABASE "`+db.Name+`" SET default_transaction_isolation = '`+level+`'`)
		if err := openRetention(t, db).Run(t.Context()); err != nil {
			t.Errorf("%s: %v", level, err)
		}
		if left := oldDays(t, db); left != 0 {
			t.Errorf("%s: %d old days are left", level, left)
		}
	}
}

// A transaction that is begun in Go names its level.
func TestTransactionsNameTheirLevel(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	nameless := regexp.MustCompile(`\.Begin\(|pgx\.BeginFunc\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := nameless.Find(text); found != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s: %s… without a level", file, found)
		}
	}
}
