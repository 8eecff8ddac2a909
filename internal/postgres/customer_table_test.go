package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// The service and the database agree on which names are the bound table's.
func TestNamesOfTheBoundTable(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, customModel)
	bind(t, db, `shop."Member"`, `email="E-Mail"`)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.ServiceURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	now := time.Unix(0, 0)
	tables := postgres.NewCustomerTables(pool, func() time.Time { return now })
	for table, same := range map[string]bool{
		`shop."Member"`: true, "shop.Member": true, "shop.member": false, `"shop"."Member"`: true, "Member": false, `"shop.Member"`: false,
		"public.auth_user": false, "": false, "x\x00y": false, `shop."Member" `: false,
	} {
		err := tables.Check(t.Context(), table)
		if (err == nil) != same || err != nil && problem.SlugOf(err) != problem.CustomerTableMismatch {
			t.Errorf("%q: %v, want the same table: %v", table, err, same)
		}
	}
	// A new binding is known a second later.
	bind(t, db, "public.auth_user")
	now = now.Add(time.Second)
	if err := tables.Check(t.Context(), "public.auth_user"); err != nil {
		t.Error(err)
	}
	if _, err := postgres.UnbindCustomers(t.Context(), db.URL, nil); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if err := tables.Check(t.Context(), "public.anything"); err != nil {
		t.Errorf("unbound: %v; the call itself tells that", err)
	}
}

func TestSQLRefusesAnotherTable(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	producer := db.Login(t, "", "sespan_producer").Pool
	for table, same := range map[string]bool{"public.auth_user": true, "tenant.auth_user": false, "auth_user": false} {
		_, err := producer.Exec(t.Context(), "SELECT sespan.customer_table_check($1)", table)
		if (err == nil) != same {
			t.Errorf("%s: %v", table, err)
		}
	}
	if _, err := producer.Exec(t.Context(), "SELECT sespan.customer_table_check(NULL)"); err != nil {
		t.Error(err)
	}
}
