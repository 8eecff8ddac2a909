package postgres_test

import (
	"testing"

	"sespan/internal/pgtest"
	"sespan/internal/postgres"
)

func TestBindAgainChangesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	r, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.auth_user"})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Unchanged || len(r.Granted)+len(r.Pending) != 0 {
		t.Errorf("second bind: %+v, want unchanged and nothing granted", r)
	}
}
