package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"sespan/internal/access"
	"sespan/internal/config"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// init sets a database up. It may run again: what is there stays as it is.
func (e *env) init(ctx context.Context) error {
	c := e.cli.Init
	if err := foresee(c); err != nil {
		return err
	}
	m, err := postgres.Migrate(ctx, c.DSN, postgres.MigrateOptions{RolePrefix: c.RolePrefix, NoRoles: c.NoRoles, Progress: e.say})
	if err != nil {
		return err
	}
	if m.RolesSQL != "" {
		e.say("no roles were made: a DBA has to run what follows on standard output")
		fmt.Fprintln(e.Out, m.RolesSQL)
	}
	if err := e.bindTarget(ctx, c.DSN, c.Target, c.RolePrefix); err != nil {
		return err
	}
	if err := e.initSiteLogin(ctx, c); err != nil {
		return err
	}
	keeper, closing, err := openKeeper(ctx, c.DSN)
	if err != nil {
		return err
	}
	defer closing()
	keys, err := keeper.List(ctx)
	if err != nil {
		return err
	}
	// The key is the last: whatever stops before it, the next run is the first again.
	if err := e.initSettings(ctx, c, len(keys) == 0); err != nil {
		return err
	}
	return e.initKey(ctx, c, keeper, keys)
}

// initKey makes the site's service key once: into the key file, or printed.
func (e *env) initKey(ctx context.Context, c config.Init, keeper access.Keeper, keys []access.Key) error {
	if kept(c.KeyFile) {
		return e.initKept(c.KeyFile, keys)
	}
	for _, k := range keys {
		if c.KeyFile == "" && k.Name == c.KeyName && k.Role == access.RoleService && keyState(k) == "active" {
			e.say(fmt.Sprintf("service key: %s named %q is there already; another one: sespan keys create --role service --name %s", k.ID, k.Name, k.Name))
			return nil
		}
	}
	key, whole, err := keeper.Create(ctx, access.RoleService, c.KeyName, 0)
	if err != nil {
		return err
	}
	if c.KeyFile == "" {
		e.say(fmt.Sprintf("service key %s for the site (SESPAN[\"KEY\"]), shown this once, on standard output:", key.ID))
		fmt.Fprintln(e.Out, whole)
		return nil
	}
	e.say(fmt.Sprintf("service key: %s is in %s", key.ID, c.KeyFile))
	return writeSecret(c.KeyFile, whole+"\n")
}

// initKept leaves the key file as it is, and says when it is of another database.
func (e *env) initKept(path string, keys []access.Key) error {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Role == access.RoleService && keyState(k) == "active" && strings.Contains(string(content), "_"+k.ID+"_") {
			e.say("service key: " + path + " is there already and stays")
			return nil
		}
	}
	e.say("service key: " + path + " is there already and stays, but its key is no good in this database; for another one remove the file and run init again")
	return nil
}

// initSettings makes the login and the key ring of serve and gives its settings;
// a later run gives no other key ring, which would not open what the first seals.
func (e *env) initSettings(ctx context.Context, c config.Init, first bool) error {
	database, err := e.serviceURL(ctx, c)
	if err != nil {
		return err
	}
	if c.URLFile != "" && !kept(c.URLFile) {
		if err := writeSecret(c.URLFile, database+"\n"); err != nil {
			return err
		}
		e.say("database URL of serve: in " + c.URLFile)
	}
	if kept(c.EnvFile) {
		e.say("settings: " + c.EnvFile + " is there already and stays")
		return nil
	}
	ring := secret.Generate("1")
	if !first {
		e.say("secret keys: take the keys over from the first run; others could not open what those have sealed")
		e.say("  lost, and no serve has run yet: SESPAN_SECRET_KEYS=\"1:$(openssl rand -base64 32)\"")
		ring = ""
	}
	text, adapt, err := settings(database, ring, c)
	if err != nil {
		return err
	}
	if adapt != "" {
		adapt = "; adapt " + adapt
	}
	if c.EnvFile != "" {
		e.say("settings: " + c.EnvFile + adapt + "; then: sespan serve --env-file " + c.EnvFile)
		return writeSecret(c.EnvFile, text)
	}
	if c.URLFile == "" {
		e.say("settings of sespan serve, on standard output; keep them secret" + adapt + ":")
		fmt.Fprint(e.Out, text)
	}
	return nil
}

// initSiteLogin gives the site's login its rights, or says what gives them.
func (e *env) initSiteLogin(ctx context.Context, c config.Init) error {
	switch {
	case c.SiteLogin == "":
		e.say("site login: unless it is a superuser, it still needs: GRANT " + strings.Join(postgres.SiteGroups(c.RolePrefix), ", ") +
			" TO <login> (or run init again with --site-login)")
		return nil
	case c.NoRoles:
		e.say("site login: it gets its rights from what a DBA runs, on standard output")
		fmt.Fprintln(e.Out, postgres.SiteGrant(c.RolePrefix, c.SiteLogin)+";")
		return nil
	}
	granted, pending, err := postgres.GrantSite(ctx, c.DSN, c.RolePrefix, c.SiteLogin)
	if err != nil {
		return err
	}
	switch {
	case len(pending) > 0:
		e.say("site login: somebody who may has still to run, on standard output:")
		fmt.Fprintln(e.Out, strings.Join(pending, ";\n")+";")
	case len(granted) > 0:
		e.say("site login: " + c.SiteLogin + " enqueues mails and shows the staff pages")
	default:
		e.say("site login: " + c.SiteLogin + " has its rights already")
	}
	return nil
}

// serviceURL gives the URL of the login of serve; the password of a login that was
// there before, or that a DBA makes, is not known.
func (e *env) serviceURL(ctx context.Context, c config.Init) (string, error) {
	prefix := cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix)
	u, err := url.Parse(c.DSN)
	if err != nil || u.Host == "" {
		return "", &config.Error{Variable: "--dsn", Problem: "is not a URL", Mend: "write postgres://user:password@host:5432/database"} //nolint:gosec // a pattern
	}
	u.User = url.UserPassword(prefix+"serve", "PASSWORD")
	if c.NoRoles {
		e.say("login: a DBA makes it with: CREATE ROLE " + prefix + "serve LOGIN PASSWORD '…' IN ROLE " + prefix + "service")
		return u.String(), nil
	}
	login, err := postgres.EnsureLogin(ctx, c.DSN, c.RolePrefix)
	if err != nil {
		return "", err
	}
	if login.URL == "" {
		e.say("login: " + login.Name + " is there already and keeps its password")
		if !kept(c.EnvFile) && !kept(c.URLFile) {
			e.say("  it is of an earlier run, or of another database of this server: put its password in the place of PASSWORD in the settings;")
			e.say("  forgotten: ALTER ROLE " + login.Name + " PASSWORD '…'; for a login of this database alone run init with --role-prefix")
		}
		return u.String(), nil
	}
	e.say("login: " + login.Name + " is made")
	return login.URL, nil
}

// kept tells whether an earlier run has written the file.
func kept(path string) bool {
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Size() > 0
}

// writeSecret writes a file that only its owner may read, and never over another.
func writeSecret(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		if info, serr := os.Stat(path); serr == nil && info.Size() == 0 { // a mount point or an earlier try
			f, err = os.OpenFile(path, os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
		}
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(content); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
