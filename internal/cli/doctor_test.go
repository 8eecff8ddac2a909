package cli

import (
	"errors"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestDoctorTellsOfAddresses(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]postgres.Addresses{
		"unique index keeps": {Unique: true, Indexed: true},
		"not checked":        {UniqueIndex: "STATEMENT"},
		"none is shared; to keep it so: STATEMENT": {Counted: true, UniqueIndex: "STATEMENT"},
		"3 shared by several customers":            {Counted: true, Shared: 3, UniqueIndex: "STATEMENT"},
		"more than 1000 shared":                    {Counted: true, Shared: 1000, More: true, UniqueIndex: "STATEMENT"},
	} {
		got := describeAddresses(a)
		if !strings.Contains(got, want) || strings.Contains(got, "STATEMENT") == a.Unique || strings.ContainsAny(got, "\n") {
			t.Errorf("%+v: %q, want %q", a, got, want)
		}
	}
}

// A shared address is a remark and no fault: serve works without.
func TestDoctorLooksAtAddresses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	look := func() string {
		t.Helper()
		text, err := checkAddresses(t.Context(), pool)
		if known, ok := errors.AsType[note](err); ok {
			return "note " + string(known)
		}
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	pgtest.AddCustomer(t, db, "a@example.com", true)
	const index = "CREATE UNIQUE INDEX CONCURRENTLY ON public.auth_user (upper(email))"
	if got := look(); got != "note none is shared; to keep it so: "+index+"; no index serves look-ups by address: the same index does" {
		t.Error(got)
	}
	twin := pgtest.AddCustomer(t, db, "A@example.com", true)
	if got := look(); !strings.HasPrefix(got, "note 1 shared by several customers") || !strings.HasSuffix(got, "CREATE INDEX CONCURRENTLY ON public.auth_user (upper(email))") {
		t.Error(got)
	}
	db.Exec(t, `DELETE FROM public.auth_user WHERE id = $1`, twin)
	db.Exec(t, index)
	if got := look(); got != "a unique index keeps each to one customer" {
		t.Error(got)
	}
	db.Exec(t, `ALTER TABLE public.auth_user RENAME email TO mail`)
	if got := look(); got != "note not checked: first repair the binding of the customers" {
		t.Error(got)
	}
	db.Exec(t, `SELECT sespan.customer_unbind()`)
	if got := look(); got != "note not checked: first repair the binding of the customers" {
		t.Error(got)
	}
}

// Whether plain SQL is watched is worth a word, and no fault.
func TestDoctorTellsOfTheWatch(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.ServiceURL(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, c := range []struct {
		watch bool
		want  string
	}{{false, "bind-customers --watch"}, {true, "bound and watched"}} {
		if _, err := postgres.BindCustomers(t.Context(), db.URL, postgres.Binding{Table: "public.auth_user", Watch: c.watch}); err != nil {
			t.Fatal(err)
		}
		if text, err := checkBinding(t.Context(), pool); err != nil || !strings.Contains(text, c.want) {
			t.Errorf("%q, %v, want %q", text, err, c.want)
		}
	}
}
