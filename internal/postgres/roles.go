package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"

	sespansql "sespan/sql"
)

// DefaultRolePrefix begins the names of the database roles. Roles belong to the
// whole server, so two sites on one server want two prefixes.
const DefaultRolePrefix = "sespan_"

// RolesSQL is the script of roles, ownership and grants with the given prefix
// (empty: the default). It may run any number of times.
func RolesSQL(prefix string) (string, error) {
	prefix = cmp.Or(prefix, DefaultRolePrefix)
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`).MatchString(prefix) || regexp.MustCompile(`^pg_`).MatchString(prefix) {
		return "", fmt.Errorf("role prefix %q must be up to 40 of a-z, 0-9 and _, and not begin with a digit or pg_", prefix)
	}
	names := regexp.MustCompile(`\bsespan_(owner|service|producer|reader|reader_detail|admin)\b`)
	return names.ReplaceAllString(sespansql.Roles, prefix+"$1"), nil
}

// applyRoles runs the script, which is one transaction. A concurrent migrate of
// another database of the server may touch the same roles: then it runs again.
func (s *schemaSession) applyRoles(ctx context.Context, script, prefix string) error {
	s.say("roles and grants (%s…)", prefix)
	err := s.retry(ctx, "roles", func() error {
		_, err := s.conn.Exec(ctx, script)
		if err != nil {
			_, _ = s.conn.Exec(ctx, "ROLLBACK")
		}
		return err
	})
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok && pe.Code == stateInsufficientPrivilege {
		return s.mayNotMakeRoles(prefix, pe.Message)
	}
	return err
}

func (s *schemaSession) mayNotMakeRoles(prefix, reason string) error {
	return fmt.Errorf("login %s may not manage the roles %s… (%s): give it CREATEROLE, or, for a new installation, choose another --role-prefix "+
		"or use --no-roles and have a DBA run the printed SQL", s.login, prefix, reason)
}
