// Package sql holds the database side of Sespan: the migrations, one noun a
// file, and the roles and grants that are applied after them.
package sql

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Roles is the idempotent script of roles, grants and ownership, written with
// the default prefix "sespan_".
//
//go:embed roles.sql
var Roles string

// Migrated runs at the end of each migration and remembers the file that made
// it; :version, :file and :sha256 are put in by the migrator.
//
//go:embed migrated.sql
var Migrated string

// Installed runs at the end of the migration of the installation and remembers the
// :role_prefix, which is put in by the migrator.
//
//go:embed installed.sql
var Installed string

// Migrations gives the tern migrations at the root of a file system.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded at compile time
	}
	return sub
}
