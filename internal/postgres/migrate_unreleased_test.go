package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// A schema of a build between two releases is no older version: nothing leads on
// from there, and one line says so.
func TestMigrateUnreleased(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ made, want string }{
		"the chain of nineteen": {"DROP TABLE sespan.schema_migration; UPDATE sespan.schema_version SET version = 19", "does not say which migrations made it"},
		"another wording":       {"UPDATE sespan.schema_migration SET sha256 = repeat('0', 64) WHERE version = 7", "its 007_mail_queue.sql is not that of this program"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			db.Exec(t, c.made)
			pool := openMailPool(t, db.URL)
			for what, run := range map[string]func() error{
				"up": func() error {
					_, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true})
					return err
				},
				"down": func() error {
					_, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{Down: 1})
					return err
				},
				"status": func() error { _, err := postgres.Status(t.Context(), db.URL); return err },
				"serve":  func() error { return pool.RefuseUnreleased(t.Context()) },
			} {
				err := run()
				if _, ok := errors.AsType[*postgres.UnreleasedError](err); !ok || !strings.Contains(err.Error(), c.want) ||
					!strings.Contains(err.Error(), "DROP SCHEMA sespan CASCADE") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v", what, err)
				}
			}
			db.Exec(t, "DROP SCHEMA sespan CASCADE")
			if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true}); err != nil {
				t.Errorf("up after the schema was dropped: %v", err)
			}
			if err := pool.RefuseUnreleased(t.Context()); err != nil {
				t.Errorf("serve after that: %v", err)
			}
		})
	}
}

// What a release made is known by its files alone, whether one is behind or ahead
// of it.
func TestMigrateRecognisesItsOwn(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	pool := openMailPool(t, db.URL)
	if err := pool.RefuseUnreleased(t.Context()); err != nil {
		t.Errorf("an empty database: %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Files: withMigration(t, "later", laterMigration)}); err != nil {
		t.Fatal(err)
	}
	if err := pool.RefuseUnreleased(t.Context()); err != nil {
		t.Errorf("a newer database: %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true}); err == nil || !strings.Contains(err.Error(), "use a newer sespan") {
		t.Errorf("a newer database: %v, want the advice to use a newer sespan", err)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{Down: 4, Files: withMigration(t, "later", laterMigration)}); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true}); err != nil {
		t.Errorf("up again from an older version: %v", err)
	}
}
