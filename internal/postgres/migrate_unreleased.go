package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/jackc/tern/v2/migrate"

	"sespan/internal/postgres/dbsqlc"
	sespansql "sespan/sql"
)

// UnreleasedError tells of a schema that was made by migrations of another
// wording than this program's. Those of a release never change, so that a build
// between two releases made it, and no migration leads on from there.
type UnreleasedError struct {
	File string // the first migration that differs; empty: the schema does not say what made it
}

func (e *UnreleasedError) Error() string {
	why := "it does not say which migrations made it"
	if e.File != "" {
		why = "its " + e.File + " is not that of this program"
	}
	return "the schema sespan was made by a build that was never released (" + why + "): " +
		"drop it and make it again (DROP SCHEMA sespan CASCADE, then sespan migrate up or sespan init; of the demonstration, delete the folder .demo)"
}

// RefuseUnreleased fails with an UnreleasedError where the schema was not made by the
// migrations of this program or of a release. A database without our schema, or
// one that is older or newer, passes.
func (p *Pool) RefuseUnreleased(ctx context.Context) error {
	return refuseUnreleased(ctx, dbsqlc.New(), p.Pool, sespansql.Migrations())
}

func refuseUnreleased(ctx context.Context, q *dbsqlc.Queries, db dbsqlc.DBTX, files fs.FS) error {
	version, err := schemaVersion(ctx, q, db)
	if err != nil || version == 0 {
		return err
	}
	recorded, err := q.SchemaHasTable(ctx, db, "sespan.schema_migration")
	if err != nil {
		return err
	}
	if !recorded {
		return &UnreleasedError{}
	}
	rows, err := q.SchemaMigrationList(ctx, db)
	if err != nil {
		return err
	}
	names, err := migrate.FindMigrations(files)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if int(r.Version) > len(names) {
			break // of a newer program
		}
		sum, err := fileSum(files, names[r.Version-1])
		if err != nil {
			return err
		}
		if r.Sha256 != sum {
			return &UnreleasedError{File: r.File}
		}
	}
	return nil
}

// schemaVersion is 0 where nothing of ours is there.
func schemaVersion(ctx context.Context, q *dbsqlc.Queries, db dbsqlc.DBTX) (int, error) {
	found, err := q.SchemaHasTable(ctx, db, versionTable)
	if err != nil || !found {
		return 0, err
	}
	version, err := q.SchemaVersionGet(ctx, db)
	return int(version), err
}

func fileSum(files fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return "", fmt.Errorf("migration %s: %w", name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
