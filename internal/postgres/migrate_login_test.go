package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

const laterMigration = `
CREATE TABLE sespan.later (a int);
ALTER TABLE sespan.api_key ADD COLUMN later text;
CREATE FUNCTION sespan.later() RETURNS int LANGUAGE sql AS 'SELECT 1';

---- create above / drop below ----

DROP FUNCTION sespan.later();
ALTER TABLE sespan.api_key DROP COLUMN later;
DROP TABLE sespan.later;
`

// foreignObjects counts what in the schema does not belong to the owner role.
func foreignObjects(t *testing.T, db *pgtest.DB, owner string) int {
	t.Helper()
	return count(t, db, `SELECT count(*) FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relowner <> $1::regrole`, owner) +
		count(t, db, `SELECT count(*) FROM pg_proc WHERE pronamespace = 'sespan'::regnamespace AND proowner <> $1::regrole`, owner) +
		count(t, db, `SELECT count(*) FROM pg_namespace WHERE nspname = 'sespan' AND nspowner <> $1::regrole`, owner)
}

func TestLaterMigrationByAPlainLogin(t *testing.T) {
	t.Parallel()
	for name, attributes := range map[string]string{"inherit": "CREATEROLE", "noinherit": "CREATEROLE NOINHERIT"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, prefix := pgtest.EmptyDB(t), rolePrefix()
			login := db.Login(t, attributes)
			db.Exec(t, "GRANT CREATE ON DATABASE "+db.Name+" TO "+login.Name)
			o := postgres.MigrateOptions{RolePrefix: prefix}
			if _, err := postgres.Migrate(t.Context(), login.URL, o); err != nil {
				t.Fatal(err)
			}
			o.Files = withMigration(t, "later", laterMigration)
			if _, err := postgres.Migrate(t.Context(), login.URL, o); err != nil {
				t.Fatal(err)
			}
			if n := foreignObjects(t, db, prefix+"owner"); n != 0 {
				t.Errorf("%d objects do not belong to %sowner", n, prefix)
			}
			o.Down = 1
			if _, err := postgres.Migrate(t.Context(), login.URL, o); err != nil {
				t.Errorf("down: %v", err)
			}
		})
	}
}

func TestAnotherLoginMayNotMigrate(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := db.Login(t, "CREATEROLE")
	_, err := postgres.Migrate(t.Context(), login.URL, postgres.MigrateOptions{ShareRoles: true})
	if err == nil || !strings.Contains(err.Error(), `GRANT "sespan_owner" TO "`+login.Name+`"`) {
		t.Errorf("error %v, want the GRANT that is missing", err)
	}
}

func TestRolesByADBA(t *testing.T) {
	t.Parallel()
	db, prefix := pgtest.EmptyDB(t), rolePrefix()
	login := db.Login(t, "")
	db.Exec(t, "CREATE SCHEMA sespan AUTHORIZATION "+login.Name)
	o := postgres.MigrateOptions{RolePrefix: prefix, NoRoles: true}
	r, err := postgres.Migrate(t.Context(), login.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.RolesSQL, "sespan_owner") || !strings.Contains(r.RolesSQL, prefix+"owner") {
		t.Error("the SQL for the DBA does not use the prefix")
	}
	db.Exec(t, r.RolesSQL)
	if n := foreignObjects(t, db, prefix+"owner"); n != 0 {
		t.Errorf("%d objects do not belong to %sowner", n, prefix)
	}
	o.Files = withMigration(t, "later", laterMigration)
	if _, err := postgres.Migrate(t.Context(), login.URL, o); err != nil {
		t.Errorf("the login's next migration: %v", err)
	}
}

func TestRolesNeedCreaterole(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	login := db.Login(t, "")
	db.Exec(t, "GRANT CREATE ON DATABASE "+db.Name+" TO "+login.Name)
	_, err := postgres.Migrate(t.Context(), login.URL, postgres.MigrateOptions{RolePrefix: rolePrefix()})
	if err == nil || !strings.Contains(err.Error(), "--no-roles") {
		t.Errorf("error %v, want a hint at --no-roles", err)
	}
}
