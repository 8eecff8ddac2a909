package cli

import (
	"os"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// Behind PgBouncer every command has the two addresses that serve has, and the settings
// that init writes have them, too.
func TestEveryCommandThroughAPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	through := pgtest.Pooler(t, db.URL)
	s := newTwinAt(t, db, "--database-url="+through, "--database-direct-url="+db.URL)
	s.runAll(t)
	settings, err := os.ReadFile(s.env)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SESPAN_DATABASE_URL=\"" + strings.Split(through, "//")[0] + "//" + s.prefix + "serve:", "\nSESPAN_DATABASE_DIRECT_URL=\"postgres://" + s.prefix + "serve:"} {
		if !strings.Contains(string(settings), want) {
			t.Errorf("no %s in\n%s", want, settings)
		}
	}
	out, _, _ := command(t, "doctor", "--env-file="+s.env)
	for _, check := range []string{"database", "schema", "listen", "customers"} {
		if line := strings.TrimSpace(lineWith(out, "  "+check+" ")); !strings.HasPrefix(line, "ok ") {
			t.Errorf("doctor: %q", line)
		}
	}
}

// Without the second address nothing is made, and what is missing is named.
func TestNoCommandGoesThroughAPoolerAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	through := pgtest.Pooler(t, db.URL)
	s := &twin{DB: db, env: t.TempDir() + "/sespan.env"}
	order, runs := s.everyCommand(t)
	for _, name := range order {
		if name == "secret-keys" || name == "config check" || name == "doctor" {
			continue
		}
		args := append(strings.Fields(name), "--database-url="+through)
		for _, arg := range runs[name] {
			args = append(args, strings.ReplaceAll(arg, "KEY", "0123456789ab"))
		}
		if _, _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), "SESPAN_DATABASE_DIRECT_URL") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var made bool
	if err := db.Pool.QueryRow(t.Context(), `SELECT to_regnamespace('sespan') IS NOT NULL`).Scan(&made); err != nil || made {
		t.Errorf("the schema was made: %t, %v", made, err)
	}
}
