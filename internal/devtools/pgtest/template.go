package pgtest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"hash"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres"
	sespansql "sespan/sql"
)

//go:embed auth_user.sql
var authUser string

// templateLock serialises the makers of templates on one server.
const templateLock = 7203104915

// template gives the name of the migrated database, which the first test on
// this server makes. The name follows the content, so that a server which
// outlives a change of the migrations does not serve the old ones, nor yesterday's
// partitions.
func template(tb testing.TB) string {
	tb.Helper()
	name := "template_" + fingerprint(tb)
	admin := connect(tb, adminURL(tb))
	defer func() { _ = admin.Close(context.Background()) }()
	if exists(tb, admin, name) {
		return name
	}
	exec(tb, admin, "SELECT pg_advisory_lock($1)", templateLock)
	defer exec(tb, admin, "SELECT pg_advisory_unlock($1)", templateLock)
	if exists(tb, admin, name) {
		return name
	}
	unfinished := name + "_unfinished" // gets its name when it is complete
	exec(tb, admin, "DROP DATABASE IF EXISTS "+quote(unfinished)+" WITH (FORCE)")
	exec(tb, admin, "CREATE DATABASE "+quote(unfinished)+" TEMPLATE template0")
	migrate(tb, withDatabase(tb, adminURL(tb), unfinished))
	exec(tb, admin, "ALTER DATABASE "+quote(unfinished)+" RENAME TO "+quote(name))
	return name
}

func migrate(tb testing.TB, address string) {
	tb.Helper()
	conn := connect(tb, address)
	// A site may publish everything: then each table that is changed needs a replica identity.
	exec(tb, conn, "CREATE PUBLICATION everything FOR ALL TABLES")
	if _, err := postgres.Migrate(context.Background(), address, postgres.MigrateOptions{ShareRoles: true}); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	exec(tb, conn, authUser)
	// A template must have no connection.
	if err := conn.Close(context.Background()); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	if _, err := postgres.BindCustomers(context.Background(), address, postgres.Binding{Table: "public.auth_user"}); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

func exists(tb testing.TB, admin *pgx.Conn, name string) bool {
	tb.Helper()
	var yes bool
	err := admin.QueryRow(context.Background(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&yes)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return yes
}

func fingerprint(tb testing.TB) string {
	tb.Helper()
	sum := sha256.New()
	sum.Write([]byte(authUser + sespansql.Roles + time.Now().UTC().Format(time.DateOnly)))
	if err := addFiles(sum, sespansql.Migrations()); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func addFiles(sum hash.Hash, files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		sum.Write(text)
		return err
	})
}
