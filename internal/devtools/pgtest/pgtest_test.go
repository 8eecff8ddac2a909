package pgtest_test

import (
	"os"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.NewDB(t), pgtest.NewDB(t)
	id := pgtest.AddCustomer(t, a, "a@example.com", true)
	if id != 1 {
		t.Errorf("first customer has id %d, want 1", id)
	}
	var n int
	if err := b.Pool.QueryRow(t.Context(), "SELECT count(*) FROM public.auth_user").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("the other database has %d customers, want 0", n)
	}
}

func TestEmptyDBHasNothingOfOurs(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	var n int
	if err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'sespan'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Error("schema sespan exists")
	}
}
