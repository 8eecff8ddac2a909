package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
)

// SiteGroups are the groups of the site's own database login: it enqueues mails,
// and its staff pages show rows of people and change tiers and the queue.
func SiteGroups(rolePrefix string) []string {
	prefix := cmp.Or(rolePrefix, DefaultRolePrefix)
	return []string{prefix + "producer", prefix + "reader_detail", prefix + "admin"}
}

// SiteGrant is the statement that makes a login a member of SiteGroups.
func SiteGrant(rolePrefix, login string) string {
	return "GRANT " + strings.Join(SiteGroups(rolePrefix), ", ") + " TO " + pgx.Identifier{login}.Sanitize()
}

// GrantSite makes the site's login a member of SiteGroups; a second run changes
// nothing. It gives the statements that it ran, and those that this login may not
// run. Its error is one line for a person.
func GrantSite(ctx context.Context, dsn, rolePrefix, login string) (granted, pending []string, err error) {
	conn, err := connectOnce(ctx, dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("site login: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // its work is done or its error is on its way
	missing, err := dbsqlc.New().DatabaseLoginGrants(ctx, conn, login, SiteGroups(rolePrefix))
	if isState(err, stateUndefinedObject) {
		return nil, nil, noSiteLogin(login)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("site login: %w", err)
	}
	for _, statement := range missing {
		switch _, err := conn.Exec(ctx, statement); {
		case isState(err, stateInsufficientPrivilege):
			pending = append(pending, statement)
		case err != nil:
			return granted, pending, fmt.Errorf("site login: %w", err)
		default:
			granted = append(granted, statement)
		}
	}
	return granted, pending, nil
}
