package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func addresses(t *testing.T, db *pgtest.DB, limit time.Duration) postgres.Addresses {
	t.Helper()
	pool, err := postgres.Open(context.Background(), postgres.Options{URL: db.Login(t, "", "sespan_service").URL, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	a, err := pool.Addresses(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The advised statement also repairs it.
func TestSharedAddresses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const (
		unique = `CREATE UNIQUE INDEX CONCURRENTLY ON public.auth_user (upper(email))`
		lookUp = `CREATE INDEX CONCURRENTLY ON public.auth_user (upper(email))`
		empty  = `CREATE UNIQUE INDEX CONCURRENTLY ON public.auth_user (upper(email)) WHERE email <> ''`
	)
	expect := func(what string, want postgres.Addresses) {
		t.Helper()
		want.LookUpIndex = lookUp
		if got := addresses(t, db, time.Minute); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	var ids []int64
	for _, email := range []string{"a@example.com", "A@example.com", "b@example.com", "B@Example.com", "b@EXAMPLE.com", "c@example.com"} {
		ids = append(ids, pgtest.AddCustomer(t, db, email, true))
	}
	expect("two shared", postgres.Addresses{Counted: true, Shared: 2, UniqueIndex: unique})
	db.Exec(t, lookUp)
	db.Exec(t, `DELETE FROM public.auth_user WHERE id IN ($1, $2, $3)`, ids[0], ids[2], ids[3])
	expect("none shared", postgres.Addresses{Counted: true, Indexed: true, UniqueIndex: unique})
	db.Exec(t, `INSERT INTO public.auth_user (username, email) VALUES ('root', ''), ('cron', '')`)
	expect("two without an address", postgres.Addresses{Counted: true, Indexed: true, Empty: true, UniqueIndex: empty})
	db.Exec(t, empty)
	expect("unique but for the empty ones", postgres.Addresses{Unique: true, Indexed: true, UniqueIndex: unique})
	db.Exec(t, `DROP INDEX public.auth_user_upper_idx, public.auth_user_upper_idx1`)
	db.Exec(t, `DELETE FROM public.auth_user WHERE email = ''`)
	db.Exec(t, unique)
	expect("unique", postgres.Addresses{Unique: true, Indexed: true, UniqueIndex: unique})
}

// One index is enough: for the service, for Django's iexact, and to keep addresses apart.
func TestTheAdvisedIndexServesBothSides(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO public.auth_user (username, email) SELECT 'u' || n, 'u' || n || '@example.com' FROM generate_series(1, 5000) n`)
	db.Exec(t, addresses(t, db, time.Minute).UniqueIndex)
	db.Exec(t, `ANALYZE public.auth_user`)
	for _, query := range []string{
		"SELECT * FROM sespan.customer_by_email('U7@example.com')",
		"SELECT * FROM public.auth_user WHERE UPPER(email::text) = UPPER('U7@example.com')",
	} {
		if plan := explain(t, db, query); !strings.Contains(plan, "auth_user_upper_idx") {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
}

func TestCountOfSharedAddressesEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO public.auth_user (username, email) SELECT 'u' || i, 'u' || i / 2 || '@example.com' FROM generate_series(1, 50000) AS i`)
	if a := addresses(t, db, time.Millisecond); a.Counted || a.UniqueIndex == "" {
		t.Errorf("in a millisecond: %+v", a)
	}
	if a := addresses(t, db, time.Minute); !a.Counted || a.Shared != 1000 || !a.More {
		t.Errorf("in a minute: %+v", a)
	}
}

func TestAddressesInTheColumnsOwnNames(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, customModel)
	bind(t, db, `shop."Member"`, `email="E-Mail"`, `is_active="select"`)
	db.Exec(t, `INSERT INTO shop."Member" ("E-Mail") VALUES ('ann@example.com')`)
	want := postgres.Addresses{
		Counted: true, Shared: 1, LookUpIndex: `CREATE INDEX CONCURRENTLY ON shop."Member" (upper("E-Mail"))`,
		UniqueIndex: `CREATE UNIQUE INDEX CONCURRENTLY ON shop."Member" (upper("E-Mail"))`,
	}
	if got := addresses(t, db, time.Minute); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	db.Exec(t, `DELETE FROM shop."Member" WHERE "E-Mail" = 'ann@example.com'`)
	db.Exec(t, want.UniqueIndex)
	if got := addresses(t, db, time.Minute); !got.Unique || !got.Indexed {
		t.Errorf("%+v, want it unique", got)
	}
}
