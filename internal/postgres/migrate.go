package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/tern/v2/migrate"

	sespansql "sespan/sql"
)

const versionTable = "sespan.schema_version"

// MigrateOptions says what Migrate does; the zero value brings the database up
// to this program's version and applies the roles.
type MigrateOptions struct {
	// Down undoes this many migrations instead of going up.
	Down int
	// LoseMails lets Down drop the queue with mails in it.
	LoseMails bool
	// RolePrefix of the database roles; empty means as the schema remembers, and
	// DefaultRolePrefix for a new one. Another one than it remembers is refused.
	RolePrefix string
	// NoRoles leaves roles and grants to a DBA: see MigrateResult.RolesSQL. A schema
	// whose roles a DBA makes remembers that.
	NoRoles bool
	// ShareRoles lets a new installation take roles that others use already.
	ShareRoles bool
	// Replace puts a schema sespan of somebody else aside, under another name.
	Replace bool
	// Progress is told what happens, a line at a time; may be nil.
	Progress func(line string)
	// Files are the migrations; nil means those of this program.
	Files fs.FS
}

// MigrateResult tells what Migrate did.
type MigrateResult struct {
	From, To int      // versions before and after
	Applied  []string // file names in the order they ran
	RolesSQL string   // with NoRoles: what a DBA has to run

	Installation Installation // as the schema remembers it
}

// MigrationStatus compares a database with this program.
type MigrationStatus struct {
	Current int      // version of the database; 0: nothing of ours
	Latest  int      // version of this program
	Pending []string // files that migrate up would run

	Installation Installation // as the schema remembers it; zero without a schema
}

// Migrate brings the schema of the database at url up or down. Two processes at
// once are safe: the second waits and finds the work done. The url must lead to
// the server itself, not to a transaction pooler.
func Migrate(ctx context.Context, url string, o MigrateOptions) (MigrateResult, error) {
	var r MigrateResult
	if _, err := RolesSQL(o.RolePrefix); err != nil {
		return r, err
	}
	err := withSchemaLock(ctx, url, o.Progress, func(s *schemaSession) error {
		if err := s.ensureSchema(ctx, o); err != nil {
			return err
		}
		if err := s.migrate(ctx, o, &r); err != nil || o.Down > 0 {
			return err
		}
		roles, err := RolesSQL(r.Installation.RolePrefix)
		if err != nil {
			return err
		}
		if r.Installation.NoRoles {
			r.RolesSQL = roles
		} else if err := s.applyRoles(ctx, roles, r.Installation.RolePrefix); err != nil {
			return err
		}
		return s.remember(ctx, r.Installation)
	})
	if err != nil {
		return r, fmt.Errorf("migrate: %w", err)
	}
	return r, nil
}

// Status tells which migrations a database has; it changes nothing.
func Status(ctx context.Context, url string) (MigrationStatus, error) {
	names, err := migrate.FindMigrations(sespansql.Migrations())
	if err != nil {
		return MigrationStatus{}, fmt.Errorf("migrate: %w", err)
	}
	st := MigrationStatus{Latest: len(names)}
	s, err := openSchemaSession(ctx, url, nil)
	if err != nil {
		return st, fmt.Errorf("migrate: %w", err)
	}
	defer s.close(ctx)
	version, err := schemaVersion(ctx, s.q, s.conn)
	if err == nil {
		err = refuseUnreleased(ctx, s.q, s.conn, sespansql.Migrations())
	}
	if err == nil && version > 0 {
		st.Installation, err = readInstallation(ctx, s.q, s.conn)
	}
	if err != nil {
		return st, fmt.Errorf("migrate: %w", err)
	}
	st.Current = version
	st.Pending = names[min(st.Current, len(names)):]
	return st, nil
}

// ensureSchema makes the schema, or finds ours. One of somebody else stays as it is,
// unless it is to be put aside.
func (s *schemaSession) ensureSchema(ctx context.Context, o MigrateOptions) error {
	// Addresses and mails are text in Unicode; another encoding has no room for them.
	if encoding := s.conn.PgConn().ParameterStatus("server_encoding"); encoding != "" && encoding != "UTF8" {
		return fmt.Errorf("the database %s has the encoding %s, and addresses need UTF-8: restore a dump of it into one that was made with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", s.database, encoding)
	}
	owner, err := s.q.SchemaOwner(ctx, s.conn)
	if err != nil {
		return err
	}
	if owner != "" {
		others, err := s.q.SchemaOthers(ctx, s.conn)
		if err != nil || len(others) == 0 {
			return err
		}
		if err := s.putAside(ctx, owner, others, o); err != nil {
			return err
		}
	} else if err := s.newRoles(ctx, cmp.Or(o.RolePrefix, DefaultRolePrefix), o); err != nil {
		return err
	}
	if err := s.q.SchemaCreate(ctx, s.conn); err != nil {
		return fmt.Errorf("login %s may not create a schema; the owner of the database can run: GRANT CREATE ON DATABASE %q TO %q (%w)",
			s.login, s.database, s.login, err)
	}
	s.madeSchema = true
	return nil
}

// putAside gives a schema that is not ours another name: nothing of it is lost.
func (s *schemaSession) putAside(ctx context.Context, owner string, others []string, o MigrateOptions) error {
	what := strings.Join(others[:min(3, len(others))], ", ")
	if more := len(others) - 3; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	if !o.Replace {
		return fmt.Errorf("database %s has a schema sespan that is not of Sespan: %s owns it, and it holds %s; rename it, take another database, "+
			"or give --replace, which renames it, so that whoever uses it under this name finds it no more", s.database, owner, what)
	}
	if err := s.newRoles(ctx, cmp.Or(o.RolePrefix, DefaultRolePrefix), o); err != nil {
		return err // before anything is changed
	}
	rename, err := s.q.SchemaAside(ctx, s.conn)
	if err != nil {
		return err
	}
	s.say("the schema sespan of %s, with %s, is put aside: %s", owner, what, rename)
	if _, err := s.conn.Exec(ctx, rename); err != nil {
		return fmt.Errorf("%s: %w", rename, err)
	}
	return nil
}

func (s *schemaSession) migrate(ctx context.Context, o MigrateOptions, r *MigrateResult) error {
	if err := s.actAsOwner(ctx); err != nil {
		return err
	}
	files := o.Files
	if files == nil {
		files = sespansql.Migrations()
	}
	err := refuseUnreleased(ctx, s.q, s.conn, files)
	if err == nil {
		r.Installation, err = s.decide(ctx, o)
	}
	if err != nil {
		return err
	}
	m, err := s.migrator(ctx, files, r.Installation.RolePrefix)
	if err != nil {
		return err
	}
	m.OnStart = func(_ int32, name, direction, text string) {
		s.say("%s %s", direction, name)
		_ = s.q.SchemaRemember(ctx, s.conn, s.madeSchema) // without it the migration's end fails
		// CREATE INDEX CONCURRENTLY waits for every older transaction, and nobody
		// queues behind it meanwhile; tern's RESET ALL brings the timeout back.
		if strings.Contains(text, "---- tern: disable-tx ----") {
			_, _ = s.conn.Exec(ctx, "SET lock_timeout = 0")
		}
	}
	from, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return err
	}
	r.From, r.To = int(from), len(m.Migrations)
	if r.From > len(m.Migrations) {
		return fmt.Errorf("the database is at version %d, this program knows only %d: use a newer sespan", r.From, len(m.Migrations))
	}
	if o.Down > 0 {
		r.To = max(0, r.From-o.Down)
		if err := s.keepMails(ctx, m.Migrations, r, o.LoseMails); err != nil {
			return err
		}
	}
	err = s.retry(ctx, "migrate", func() error {
		if err := s.dropInvalidIndexes(ctx); err != nil {
			return err
		}
		return m.MigrateTo(ctx, int32(r.To)) //nolint:gosec // the number of a file
	})
	if err != nil {
		return err
	}
	r.Applied = between(m.Migrations, r.From, r.To)
	return s.actAsLogin(ctx)
}

// keepMails refuses to drop the queue while mails wait in it: whoever enqueued them was promised
// that they are sent.
func (s *schemaSession) keepMails(ctx context.Context, all []*migrate.Migration, r *MigrateResult, lose bool) error {
	dropped := slices.ContainsFunc(all[r.To:r.From], func(m *migrate.Migration) bool { return strings.HasSuffix(m.Name, "_mail_queue.sql") })
	if !dropped || lose {
		return nil
	}
	waiting, err := s.q.SchemaWaitingMails(ctx, s.conn)
	if err != nil || waiting == 0 {
		return err
	}
	return fmt.Errorf("%d mail(s) wait in the queue and would be dropped unsent: let sespan serve send them, cancel them with sespan mail cancel, or give --lose-mails", waiting)
}

// between names the migrations that lead from one version to another.
func between(all []*migrate.Migration, from, to int) []string {
	var names []string
	for _, m := range all[min(from, to):max(from, to)] {
		names = append(names, m.Name)
	}
	if to < from {
		slices.Reverse(names)
	}
	return names
}

func (s *schemaSession) migrator(ctx context.Context, files fs.FS, rolePrefix string) (*migrate.Migrator, error) {
	m, err := migrate.NewMigrator(ctx, s.conn, versionTable)
	if err != nil {
		return nil, err
	}
	if err := m.LoadMigrations(files); err != nil {
		return nil, err
	}
	for _, migration := range m.Migrations {
		sum, err := fileSum(files, migration.Name)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(migration.Name, "_installation.sql") {
			migration.UpSQL += "\n" + strings.ReplaceAll(sespansql.Installed, ":role_prefix", rolePrefix)
		}
		migration.UpSQL += "\n" + strings.NewReplacer(":version", strconv.Itoa(int(migration.Sequence)), ":file", migration.Name, ":sha256", sum).Replace(sespansql.Migrated)
	}
	return m, nil
}

func (s *schemaSession) dropInvalidIndexes(ctx context.Context) error {
	found, err := s.q.SchemaHasFunction(ctx, s.conn, "sespan.schema_drop_invalid_indexes()")
	if err != nil || !found {
		return err
	}
	dropped, err := s.q.SchemaDropInvalidIndexes(ctx, s.conn)
	if dropped > 0 {
		s.say("dropped %d invalid index(es) of an interrupted migration", dropped)
	}
	return err
}
