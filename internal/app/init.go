package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	prefix := cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix)
	e.say(fmt.Sprintf("the site's own database login enqueues mails with: GRANT %sproducer TO <login>; "+
		"its staff pages need %sreader_detail and %sadmin too", prefix, prefix, prefix))
	if err := e.initKey(ctx, c); err != nil {
		return err
	}
	return e.initSettings(ctx, c)
}

// initKey makes the site's service key once: into the key file, or printed.
func (e *env) initKey(ctx context.Context, c config.Init) error {
	if c.KeyFile != "" {
		if info, err := os.Stat(c.KeyFile); err == nil && info.Size() > 0 {
			e.say("service key: " + c.KeyFile + " is there already and stays")
			return nil
		}
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

// initSettings makes the login and the key ring of serve and gives its settings.
func (e *env) initSettings(ctx context.Context, c config.Init) error {
	if c.EnvFile != "" {
		if _, err := os.Stat(c.EnvFile); err == nil {
			e.say("settings: " + c.EnvFile + " is there already and stays")
			return nil
		}
	}
	database, note, err := e.serviceURL(ctx, c)
	if err != nil {
		return err
	}
	settings := strings.Join([]string{
		// Quoted, so that a shell, systemd and compose all read the same values.
		`SESPAN_DATABASE_URL="` + database + `"`,
		`SESPAN_SECRET_KEYS="` + secret.Generate("1") + `"`,
		`SESPAN_JWKS="` + c.JWKS + `"`,
		`SESPAN_SMTP_URL="smtp://user:password@mail.example:587?tls=starttls"`,
		`SESPAN_MAIL_FROM="Shop <no-reply@shop.example>"`,
		`SESPAN_ALLOWED_ORIGINS="https://shop.example"`,
		`SESPAN_OTP_LINK="https://shop.example/account/code/"`,
		"",
	}, "\n")
	if note != "" {
		e.say(note)
	}
	if c.EnvFile == "" {
		e.say("settings of sespan serve, on standard output; keep them secret, adapt the last four:")
		fmt.Fprint(e.Out, settings)
		return nil
	}
	e.say("settings: " + c.EnvFile + "; adapt its last four lines")
	return writeSecret(c.EnvFile, settings)
}

func (e *env) serviceURL(ctx context.Context, c config.Init) (url, note string, err error) {
	prefix := cmp.Or(c.RolePrefix, postgres.DefaultRolePrefix)
	if c.NoRoles {
		return "postgres://" + prefix + "serve:PASSWORD@HOST:5432/DATABASE",
			"login: a DBA makes it with: CREATE ROLE " + prefix + "serve LOGIN PASSWORD '…' IN ROLE " + prefix + "service", nil
	}
	login, err := postgres.EnsureLogin(ctx, c.DSN, c.RolePrefix)
	if err != nil {
		return "", "", err
	}
	if login.URL == "" {
		return "postgres://" + login.Name + ":PASSWORD@HOST:5432/DATABASE",
			"login: " + login.Name + " is there already and keeps its password; put it into SESPAN_DATABASE_URL", nil
	}
	return login.URL, "login: " + login.Name + " is made", nil
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
