package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
)

// Installation is what belongs to one schema and to no other of the server. The
// schema remembers it (sespan.installation), and every command takes it from there.
type Installation struct {
	RolePrefix string // of the database roles
	NoRoles    bool   // a DBA makes the roles
	settled    bool   // the roles were made, or their SQL printed: options may not differ any more
}

// Refuse gives the sentence for a person whose options differ from what the schema
// remembers; empty and false mean: as it is.
func (i Installation) Refuse(rolePrefix string, noRoles bool) error {
	switch {
	case rolePrefix != "" && rolePrefix != i.RolePrefix:
		return fmt.Errorf("the roles of this installation begin with %s, not with %s: leave --role-prefix (SESPAN_ROLE_PREFIX) out, the schema knows it", i.RolePrefix, rolePrefix)
	case noRoles && !i.NoRoles:
		return fmt.Errorf("sespan makes the roles of this installation itself: leave --no-roles (SESPAN_NO_ROLES) out; to leave them to a DBA from now on, "+
			"run as a member of %sowner: UPDATE sespan.installation SET roles = false", i.RolePrefix)
	}
	return nil
}

// installation reads what the schema remembers; the zero value where there is none
// yet. It wants the rights of the schema's owner, or of one of its groups.
func readInstallation(ctx context.Context, q *dbsqlc.Queries, db dbsqlc.DBTX) (Installation, error) {
	found, err := q.SchemaHasTable(ctx, db, "sespan.installation")
	if err != nil {
		return Installation{}, err
	}
	if found {
		row, err := q.InstallationGet(ctx, db)
		if err == nil {
			return Installation{RolePrefix: row.RolePrefix, NoRoles: row.Roles != nil && !*row.Roles, settled: row.Roles != nil}, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return Installation{}, err
		}
	}
	prefix, err := q.InstallationOwnerPrefix(ctx, db)
	return Installation{RolePrefix: prefix, settled: prefix != ""}, err
}

// decide says what this installation is: as its schema remembers, else as the
// options say, else the default. It makes nothing.
func (s *schemaSession) decide(ctx context.Context, o MigrateOptions) (Installation, error) {
	i, err := readInstallation(ctx, s.q, s.conn)
	if err != nil {
		return i, err
	}
	if i.settled {
		return i, i.Refuse(o.RolePrefix, o.NoRoles)
	}
	i.RolePrefix = cmp.Or(o.RolePrefix, i.RolePrefix, DefaultRolePrefix)
	i.NoRoles = o.NoRoles
	return i, s.newRoles(ctx, i.RolePrefix, o)
}

// remember stores what the installation has become.
func (s *schemaSession) remember(ctx context.Context, i Installation) error {
	if err := s.actAsOwner(ctx); err != nil {
		return err
	}
	found, err := s.q.SchemaHasTable(ctx, s.conn, "sespan.installation")
	if err == nil && found {
		err = s.q.InstallationSettle(ctx, s.conn, i.RolePrefix, !i.NoRoles)
	}
	if err != nil {
		return err
	}
	return s.actAsLogin(ctx)
}

// newRoles refuses roles that others have something to do with: roles belong to the
// server, and whoever is a member of one gets its rights in this database, too.
func (s *schemaSession) newRoles(ctx context.Context, prefix string, o MigrateOptions) error {
	if o.NoRoles || o.Down > 0 || s.rolesLookedAt {
		return nil
	}
	s.rolesLookedAt = true
	present, err := s.q.InstallationRoles(ctx, s.conn, groups(prefix))
	if err != nil {
		return err
	}
	may, err := s.q.InstallationMayMakeRoles(ctx, s.conn)
	if err != nil {
		return err
	}
	if !may && len(present) < len(groups(prefix)) {
		return s.mayNotMakeRoles(prefix, "permission denied to create role")
	}
	for _, r := range present {
		switch {
		case r.IsLogin:
			return fmt.Errorf("the role %s is a login, which would get the rights of a group: choose another --role-prefix", r.Name)
		case o.ShareRoles:
		case len(r.Databases) > 0:
			return fmt.Errorf("the roles %s… are those of an installation in database %s, whose logins would get their rights here, too: "+
				"choose another --role-prefix, or give --share-roles when that is meant", prefix, strings.Join(r.Databases, " and "))
		case !r.IsOurs && len(r.Members) > 0:
			return fmt.Errorf("the role %s was not made by sespan, and its members (%s) would get rights here: "+
				"choose another --role-prefix, or give --share-roles when that is meant", r.Name, strings.Join(r.Members, ", "))
		}
		if len(r.Members) > 0 {
			s.say("the role %s is there already; its members have rights here, too: %s", r.Name, strings.Join(r.Members, ", "))
		}
	}
	return nil
}

// groups are the roles of an installation.
func groups(prefix string) []string {
	endings := []string{"owner", "service", "producer", "reader", "reader_detail", "admin"}
	for i := range endings {
		endings[i] = prefix + endings[i]
	}
	return endings
}

// Outsider has a right on the schema, or owns something in it, without being of the
// installation.
type Outsider struct {
	Role    string // "PUBLIC" for everybody
	Owns    bool
	Other   bool   // a group of another installation
	Objects int64  // how many
	First   string // one of them, as GRANT names it
	Rights  string // such as SELECT, UPDATE
}

// Outsiders lists them, with the installation that they do not belong to.
func (p *Pool) Outsiders(ctx context.Context) (Installation, []Outsider, error) {
	i, err := readInstallation(ctx, p.queries, p.Pool)
	if err != nil {
		return i, nil, mapError(err)
	}
	rows, err := p.queries.InstallationOutsiders(ctx, p.Pool)
	if err != nil {
		return i, nil, mapError(err)
	}
	list := make([]Outsider, len(rows))
	for n, r := range rows {
		list[n] = Outsider{Role: r.Who, Owns: r.Owns, Other: r.Other, Objects: r.Objects, First: r.FirstObject, Rights: r.Rights}
	}
	return i, list, nil
}
