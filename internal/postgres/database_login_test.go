package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestEnsureLoginMakesAServiceLoginOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	prefix := "lg" + strings.ToLower(t.Name()[len(t.Name())-4:]) + "_"
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Fatal(err)
	}
	login, err := postgres.EnsureLogin(t.Context(), db.URL, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended here.
		if _, err := db.Pool.Exec(context.Background(), "DROP ROLE "+login.Name); err != nil {
			t.Error(err)
		}
	})
	address, err := postgres.LoginAddress(db.URL, login.Name, login.Password)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatalf("the login cannot connect with its password: %v", err)
	}
	defer conn.Close(t.Context())
	var keys int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM sespan.api_key").Scan(&keys); err != nil {
		t.Fatalf("the login lacks the service's rights: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "DROP TABLE sespan.api_key"); err == nil {
		t.Fatal("the login may drop a table")
	}
	again, err := postgres.EnsureLogin(t.Context(), db.URL, prefix)
	if err != nil || again.Password != "" {
		t.Fatalf("a second run gave %+v, %v; want the same login without a new password", again, err)
	}
}

func TestCheckLogin(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	login := db.Login(t, "")
	elsewhere, err := url.Parse(login.URL)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Path = "/nowhere"
	for name, c := range map[string]struct{ url, want string }{
		"right":          {login.URL, ""},
		"wrong password": {db.URLFor(t, login.Name, "wrong"), "password authentication failed"},
		"no such login":  {db.URLFor(t, "nobody", "wrong"), "authentication failed"},
		"no database":    {elsewhere.String(), `database "nowhere" does not exist`},
		"no server":      {"postgres://u:p@127.0.0.1:1/shop", ""},
	} {
		err := openPool(t, c.url, 1).CheckLogin(t.Context())
		if (err != nil) != (c.want != "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
