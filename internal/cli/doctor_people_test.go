package cli

import (
	"errors"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestDoctorLooksAtPeople(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.ServiceURL(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	look := func(noted bool, want string) {
		t.Helper()
		text, err := checkPeople(t.Context(), pool)
		known, ok := errors.AsType[note](err)
		if ok != noted || !ok && err != nil || !strings.Contains(text+string(known), want) {
			t.Errorf("%q %v, want %q", text, err, want)
		}
	}
	look(false, "nobody has a key")
	db.Exec(t, `INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id) VALUES ('ownownownown', sha256('x'), 'report', 'x', '7')`)
	look(true, "never compared")
	db.Exec(t, `SELECT sespan.people_compare('{"7": ["report"]}')`)
	look(false, "1 keys belong to people")
	db.Exec(t, `UPDATE sespan.people_comparison SET compared_at = now() - interval '25 hours'`)
	look(true, "last compared at")
}
