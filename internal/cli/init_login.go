package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// siteLogin gives the site's login its rights, or says what gives them.
func (c *Init) siteLogin(ctx context.Context, e *Env) error {
	switch {
	case c.SiteLogin == "":
		e.progress("site login: unless it is a superuser, it still needs: GRANT " + strings.Join(postgres.SiteGroups(c.RolePrefix), ", ") +
			" TO <login> (or run init again with --site-login)")
		return nil
	case c.NoRoles:
		e.progress("site login: it gets its rights from what a DBA runs, on standard output")
		fmt.Fprintln(e.Out, postgres.SiteGrant(c.RolePrefix, c.SiteLogin)+";")
		return nil
	}
	granted, pending, err := postgres.GrantSite(ctx, c.DSN, c.RolePrefix, c.SiteLogin)
	if err != nil {
		return err
	}
	switch {
	case len(pending) > 0:
		e.progress("site login: somebody who may has still to run, on standard output:")
		fmt.Fprintln(e.Out, strings.Join(pending, ";\n")+";")
	case len(granted) > 0:
		e.progress("site login: " + c.SiteLogin + " enqueues mails and shows the staff pages")
	default:
		e.progress("site login: " + c.SiteLogin + " has its rights already")
	}
	return nil
}

// serviceURL gives the URL of the login of serve; the password of a login that was
// there before, or that a DBA makes, is not known.
func (c *Init) serviceURL(ctx context.Context, e *Env) (string, error) {
	prefix := cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix)
	u, err := url.Parse(c.DSN)
	if err != nil || u.Host == "" {
		return "", &config.Error{Variable: "--dsn", Problem: "is not a URL", Hint: "write postgres://user:password@host:5432/database"} //nolint:gosec // a pattern
	}
	u.User = url.UserPassword(prefix+"serve", "PASSWORD")
	if c.NoRoles {
		e.progress("login: a DBA makes it with: CREATE ROLE " + prefix + "serve LOGIN PASSWORD '…' IN ROLE " + prefix + "service")
		return u.String(), nil
	}
	login, err := postgres.EnsureLogin(ctx, c.DSN, c.RolePrefix)
	if err != nil {
		return "", err
	}
	if login.URL == "" {
		e.progress("login: " + login.Name + " is there already and keeps its password")
		if !exists(c.EnvFile) && !exists(c.URLFile) {
			e.progress("  it is of an earlier run, or of another database of this server: put its password in the place of PASSWORD in the settings;")
			e.progress("  forgotten: ALTER ROLE " + login.Name + " PASSWORD '…'; for a login of this database alone run init with --role-prefix")
		}
		return u.String(), nil
	}
	e.progress("login: " + login.Name + " is made")
	return login.URL, nil
}
