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
func (db *DB) Login(tb testing.TB, attributes string, groups ...string) *Login {
	tb.Helper()
	admin := connect(tb, db.URL)
	defer func() { _ = admin.Close(context.Background()) }()
	l := &Login{Name: "login_" + strings.ToLower(rand.Text())}
	secret := rand.Text()
	exec(tb, admin, "CREATE ROLE "+quote(l.Name)+" LOGIN PASSWORD '"+secret+"' "+attributes)
	for _, group := range groups {
		exec(tb, admin, "GRANT "+quote(group)+" TO "+quote(l.Name))
	}
	l.URL = db.URLFor(tb, l.Name, secret)
	var err error
	if l.Pool, err = pgxpool.New(tb.Context(), l.URL); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		l.Pool.Close()
		dropRole(tb, db.URL, l.Name)
	})
	return l
}

// dropRole cleans up: on a shared server roles outlive the database. A role that has
// granted something to others may remain, which does no harm.
func dropRole(tb testing.TB, address, name string) {
	tb.Helper()
	admin := connect(tb, address)
	defer func() { _ = admin.Close(context.Background()) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, statement := range []string{"DROP OWNED BY " + quote(name) + " CASCADE", "DROP ROLE " + quote(name)} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			tb.Logf("pgtest: role %s stays: %v", name, err)
			return
		}
	}
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
