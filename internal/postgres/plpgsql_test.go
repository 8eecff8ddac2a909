package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
)

// A site may compile all functions of its database under every extra check of PL/pgSQL, as
// errors, as the server of these tests does: ours have no word to say of, those included that
// a binding has written.
func TestFunctionsUnderAllExtraChecks(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	if got := figure(t, db, "SELECT current_setting('plpgsql.extra_errors')"); got != "all" {
		t.Errorf("the server of the tests checks %q", got)
	}
	bind(t, db, "public.auth_user")
	db.Exec(t, "DO $$ BEGIN EXECUTE sespan.otp_watch_bind(); END $$")
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { t.Errorf("%s: %s", n.Severity, n.Message) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, checks := range []string{"SET plpgsql.extra_errors = 'all'", "SET plpgsql.extra_errors = 'none'; SET plpgsql.extra_warnings = 'all'"} {
		if _, err := conn.Exec(t.Context(), checks); err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(t.Context(), `SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
			WHERE l.lanname = 'plpgsql' AND p.pronamespace = 'sespan'::regnamespace`)
		if err != nil {
			t.Fatal(err)
		}
		definitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(definitions) < 100 {
			t.Fatalf("%d functions, %v", len(definitions), err)
		}
		for _, definition := range definitions {
			if _, err := conn.Exec(t.Context(), definition); err != nil {
				t.Errorf("%v\n%.200s", err, definition)
			}
		}
	}
}
