// Package pgtest gives each test its own PostgreSQL database.
//
// A test binary starts one server (see internal/devtools/devdb) and each test clones a
// template that is migrated, has the roles, and a Django-like public.auth_user
// bound as the customer table:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestX(t *testing.T) {
//		t.Parallel()
//		db := pgtest.NewDB(t) // db.URL, db.Pool
//	}
//
// Tests of package postgres must be in package postgres_test, because pgtest
// imports it. Environment: PGTEST_VERSION selects the server ("15", "18.6.0" or
// the folder of an installed one such as /usr/lib/postgresql/15);
// SESPAN_TEST_DATABASE_URL names a running server (a superuser's URL) instead.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"sespan/internal/devtools/devdb"
)

// urlEnv also carries the address from Main to the tests.
const urlEnv = "SESPAN_TEST_DATABASE_URL"

// Main runs the tests of a package with a server, and gives the exit
// code.
func Main(m *testing.M) int {
	if code, yes := devdb.Supervise(); yes {
		return code
	}
	if os.Getenv(urlEnv) != "" {
		return m.Run()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // others start first
	defer cancel()
	server, err := devdb.Start(ctx, devdb.Options{
		Version: os.Getenv("PGTEST_VERSION"),
		// Tests compare plans and count reads: autovacuum, which runs at any time in
		// any database, would change both.
		// Every function is compiled under all the checks that a site may have switched on.
		Parameters: map[string]string{"max_connections": "300", "autovacuum": "off", "plpgsql.extra_errors": "all"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	if err := os.Setenv(urlEnv, server.URL("postgres")); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}
