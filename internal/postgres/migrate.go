package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	sespansql "sespan/sql"
)

const versionTable = "sespan.schema_version"

// MigrateOptions says what Migrate does; the zero value brings the database up
// to this program's version and applies the roles.
type MigrateOptions struct {
	// Down undoes this many migrations instead of going up.
	Down int
	// RolePrefix of the database roles; empty means "sespan_".
	RolePrefix string
	// NoRoles leaves roles and grants alone; MigrateResult.RolesSQL is for a DBA.
	NoRoles bool
	// Progress is told what happens, in one line each; may be nil.
	Progress func(line string)
}

// MigrateResult tells what Migrate did.
type MigrateResult struct {
	From, To int
	RolesSQL string
}

// Migrate brings the schema of the database at url up or down.
func Migrate(ctx context.Context, url string, o MigrateOptions) (MigrateResult, error) {
	var r MigrateResult
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return r, fmt.Errorf("migrate: %w", hideDSN(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS sespan"); err != nil {
		return r, err
	}
	m, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return r, err
	}
	if err := m.LoadMigrations(sespansql.Migrations()); err != nil {
		return r, err
	}
	if err := m.Migrate(ctx); err != nil {
		return r, err
	}
	_, err = conn.Exec(ctx, sespansql.Roles)
	return r, err
}
