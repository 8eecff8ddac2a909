package postgres_test

import (
	"context"
	"crypto/rand"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	sespansql "sespan/sql"
)

// withMigration adds one more migration to those of the program.
func withMigration(t *testing.T, name, text string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(sespansql.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := fs.ReadFile(sespansql.Migrations(), n)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = &fstest.MapFile{Data: data}
	}
	more := maps.Clone(files)
	more[nextNumber(len(names)+1)+"_"+name+".sql"] = &fstest.MapFile{Data: []byte(text)}
	return more
}

func nextNumber(n int) string {
	digits := []byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)}
	return string(digits)
}

func rolePrefix() string { return "p" + strings.ToLower(rand.Text()) + "_" }

func count(t *testing.T, db *pgtest.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.Pool.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrateUpDownUp(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	first, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true})
	if err != nil {
		t.Fatal(err)
	}
	if first.From != 0 || len(first.Applied) != first.To || first.Applied[0] != "001_schema.sql" {
		t.Errorf("first up: %+v, want all files from version 0", first)
	}
	again, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true})
	if err != nil || len(again.Applied) != 0 {
		t.Errorf("second up: %+v, %v, want nothing applied", again, err)
	}
	down, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{Down: 1000})
	if err != nil || down.To != 0 || down.Applied[len(down.Applied)-1] != "001_schema.sql" {
		t.Fatalf("down: %+v, %v, want version 0", down, err)
	}
	left := count(t, db, `SELECT count(*) FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relname <> 'schema_version'`) +
		count(t, db, `SELECT count(*) FROM pg_proc WHERE pronamespace = 'sespan'::regnamespace`)
	if left != 0 {
		t.Errorf("%d relations and functions are left after down, want none but schema_version", left)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true}); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestStatusChangesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	st, err := postgres.Status(t.Context(), db.URL)
	if err != nil || st.Current != 0 || len(st.Pending) != st.Latest || st.Latest == 0 {
		t.Errorf("empty database: %+v, %v, want everything pending", st, err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_namespace WHERE nspname = 'sespan'"); n != 0 {
		t.Error("status made the schema")
	}
	migrated := pgtest.NewDB(t)
	if st, err = postgres.Status(t.Context(), migrated.URL); err != nil || st.Current != st.Latest || len(st.Pending) != 0 {
		t.Errorf("migrated database: %+v, %v, want nothing pending", st, err)
	}
}

func TestMigrateInManyProcesses(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	files := withMigration(t, "index", `---- tern: disable-tx ----
CREATE INDEX CONCURRENTLY api_key_name_idx ON sespan.api_key (name);
`)
	const processes = 4
	var wg sync.WaitGroup
	results := make([]postgres.MigrateResult, processes)
	errs := make([]error, processes)
	for i := range processes {
		wg.Go(func() {
			results[i], errs[i] = postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Files: files})
		})
	}
	wg.Wait()
	applied := 0
	for i, err := range errs {
		if err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		if len(results[i].Applied) > 0 {
			applied++
		}
	}
	if applied != 1 {
		t.Errorf("%d processes applied migrations, want exactly one", applied)
	}
}

func TestMigrateRebuildsAnInvalidIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `CREATE TABLE sespan.thing (a int); ALTER TABLE sespan.thing OWNER TO sespan_owner; INSERT INTO sespan.thing VALUES (1), (1)`)
	files := withMigration(t, "index", `---- tern: disable-tx ----
CREATE UNIQUE INDEX CONCURRENTLY thing_a_key ON sespan.thing (a);
`)
	_, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Files: files})
	if err == nil || !strings.Contains(err.Error(), "thing_a_key") {
		t.Fatalf("migrate with duplicate rows: %v, want an error that names the index", err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indexrelid = 'sespan.thing_a_key'::regclass"); n != 1 {
		t.Fatal("no invalid index was left behind, so this test shows nothing")
	}
	db.Exec(t, `TRUNCATE sespan.thing`)
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Files: files}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = 'sespan.thing_a_key'::regclass"); n != 1 {
		t.Error("the index is not valid after the second run")
	}
}

func TestMigrateTriesAgainWhileATableIsLocked(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	reader, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback(context.Background())
	if _, err := reader.Exec(t.Context(), "SELECT * FROM sespan.api_key"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	_, err = postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{
		Files: withMigration(t, "note", "ALTER TABLE sespan.api_key ADD COLUMN note text;"),
		Progress: func(line string) {
			if strings.Contains(line, "waits for a lock") {
				once.Do(func() { _ = reader.Rollback(context.Background()) })
			}
		},
	})
	if err != nil {
		t.Error(err)
	}
}

// An index that is built beside the traffic waits for old transactions as long
// as it takes; the lock timeout of other migrations would never let it finish.
func TestConcurrentIndexOutwaitsALongTransaction(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	old, err := db.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead}) // keeps its snapshot
	if err != nil {
		t.Fatal(err)
	}
	defer old.Rollback(context.Background())
	if _, err := old.Exec(t.Context(), "SELECT FROM sespan.api_key"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{
			Files: withMigration(t, "index", "---- tern: disable-tx ----\nCREATE INDEX CONCURRENTLY api_key_name_idx ON sespan.api_key (name);\n"),
			Progress: func(line string) {
				if strings.Contains(line, "waits for a lock") {
					t.Errorf("gave up: %s", line)
				}
			},
		})
		done <- err
	}()
	const waitsLonger = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%CREATE INDEX CONCURRENTLY%'
		AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '1 second'`
	for count(t, db, waitsLonger) == 0 {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
		select {
		case err := <-done:
			t.Fatalf("migrate did not wait: %v", err)
		default:
			db.Exec(t, "SELECT pg_sleep(0.05)")
		}
	}
	if err := old.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Roles belong to the server: two databases may make the same ones at once.
func TestTwoDatabasesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	prefix := rolePrefix()
	dbs := []*pgtest.DB{pgtest.EmptyDB(t), pgtest.EmptyDB(t), pgtest.EmptyDB(t)}
	errs := make([]error, len(dbs))
	var wg sync.WaitGroup
	for i, db := range dbs {
		wg.Go(func() {
			_, errs[i] = postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{RolePrefix: prefix, ShareRoles: true})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("database %d: %v", i, err)
		}
	}
}

func TestMigrateRefusals(t *testing.T) {
	t.Parallel()
	newer := pgtest.NewDB(t)
	newer.Exec(t, "UPDATE sespan.schema_version SET version = 999")
	empty := pgtest.EmptyDB(t)
	poor := empty.Login(t, "")
	unreachable := "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=2"
	for name, c := range map[string]struct {
		url, prefix, want string
	}{
		"newer database":      {newer.URL, "", "use a newer sespan"},
		"login without right": {poor.URL, "", "GRANT CREATE ON DATABASE"},
		"unreachable":         {unreachable, "", "cannot connect to the database"},
		"not an address":      {"postgres://u:hunter2@127.0.0.1:port/x", "", "not a PostgreSQL URL"},
		"bad role prefix":     {newer.URL, "Bad-", `role prefix "Bad-"`},
		"reserved prefix":     {newer.URL, "pg_", `role prefix "pg_"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err := postgres.Migrate(ctx, c.url, postgres.MigrateOptions{RolePrefix: c.prefix, ShareRoles: true})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error %q holds the password or a line break", err)
			}
		})
	}
}

func TestMigrateWaitsForTheOther(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	waiting := make(chan struct{})
	var inner sync.WaitGroup
	var innerErr error
	var started, told sync.Once
	_, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Progress: func(string) {
		started.Do(func() { // the first holds the lock now, and goes on when the second waits for it
			inner.Go(func() {
				_, innerErr = postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true, Progress: func(line string) {
					if strings.HasPrefix(line, "waiting for another sespan") {
						told.Do(func() { close(waiting) })
					}
				}})
			})
			select {
			case <-waiting:
			case <-time.After(time.Minute):
				t.Error("the second did not wait")
			}
		})
	}})
	inner.Wait()
	if err != nil || innerErr != nil {
		t.Errorf("first: %v, second: %v", err, innerErr)
	}
}
