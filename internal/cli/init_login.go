package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

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
	granted, pending, err := postgres.GrantSite(ctx, c.Direct, c.RolePrefix, c.SiteLogin)
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

// serveAddresses are those of the login of serve: where it calls, and past a pooler, "" where
// there is none.
type serveAddresses struct{ url, direct string }

const unknownPassword = "PASSWORD"

// serveLogin makes the login of serve and gives its addresses; the password of a login
// that was there before, or that a DBA makes, is not known.
func (c *Init) serveLogin(ctx context.Context, e *Env) (serveAddresses, error) {
	name := cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix) + "serve"
	if c.NoRoles {
		e.progress("login: a DBA makes it with: CREATE ROLE " + name + " LOGIN PASSWORD '…' IN ROLE " + cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix) + "service")
		return c.addresses(name, unknownPassword)
	}
	login, err := postgres.EnsureLogin(ctx, c.Direct, c.RolePrefix)
	if err != nil {
		return serveAddresses{}, err
	}
	if login.Password == "" {
		e.progress("login: " + login.Name + " is there already and keeps its password")
		if !exists(c.EnvFile) && !exists(c.URLFile) {
			e.progress("  it is of an earlier run, or of another database of this server: put its password in the place of PASSWORD in the settings;")
			e.progress("  forgotten: ALTER ROLE " + login.Name + " PASSWORD '…'; for a login of this database alone run init with --role-prefix")
		}
		return c.addresses(login.Name, unknownPassword)
	}
	e.progress("login: " + login.Name + " is made")
	at, err := c.addresses(login.Name, login.Password)
	if err == nil {
		c.tryLogin(ctx, e, login.Name, at)
	}
	return at, err
}

func (c *Init) addresses(login, password string) (at serveAddresses, err error) {
	if at.url, err = postgres.LoginAddress(c.DSN, login, password); err != nil || c.DirectURL == "" {
		return at, err
	}
	at.direct, err = postgres.LoginAddress(c.DirectURL, login, password)
	return at, err
}

// tryLogin tells what the server has against the new login, which init itself cannot mend:
// its pg_hba.conf may know another way for whoever runs init.
func (c *Init) tryLogin(ctx context.Context, e *Env, login string, at serveAddresses) {
	if err := postgres.TryAddress(ctx, cmp.Or(at.direct, at.url)); err != nil {
		e.progress("WRONG: serve cannot log in as " + login + " yet: " + err.Error() + " (see pg_hba.conf of the server)")
	}
}
