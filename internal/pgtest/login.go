package pgtest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Login is a database login of one test.
type Login struct {
	Name string
	URL  string
	Pool *pgxpool.Pool // connects on first use
}

// Login makes a login with attributes such as "CREATEROLE" (no superuser, unless
// they say so) that is a member of groups such as "sespan_service".
func (db *DB) Login(t testing.TB, attributes string, groups ...string) *Login {
	t.Helper()
	admin := connect(t, db.URL)
	defer admin.Close(context.Background())
	l := &Login{Name: "login_" + strings.ToLower(rand.Text())}
	secret := rand.Text()
	exec(t, admin, "CREATE ROLE "+quote(l.Name)+" LOGIN PASSWORD '"+secret+"' "+attributes)
	for _, group := range groups {
		exec(t, admin, "GRANT "+quote(group)+" TO "+quote(l.Name))
	}
	l.URL = db.URLFor(t, l.Name, secret)
	var err error
	if l.Pool, err = pgxpool.New(t.Context(), l.URL); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		l.Pool.Close()
		dropRole(t, db.URL, l.Name)
	})
	return l
}

// dropRole is tidiness: roles outlive the database on a server that is shared.
// What a role granted to others may keep it alive, which harms nobody.
func dropRole(t testing.TB, address, name string) {
	admin := connect(t, address)
	defer admin.Close(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, statement := range []string{"DROP OWNED BY " + quote(name) + " CASCADE", "DROP ROLE " + quote(name)} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			t.Logf("pgtest: role %s stays: %v", name, err)
			return
		}
	}
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
