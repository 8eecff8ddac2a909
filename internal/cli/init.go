package cli

import (
	"context"
	"fmt"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Init is the command init.
type Init struct {
	DSN     string `name:"dsn" aliases:"database-url" env:"SESPAN_DATABASE_URL" secret:"" placeholder:"URL" help:"The site's database, as a login that may create a schema and roles."`
	DSNFile string `name:"database-url-file" env:"SESPAN_DATABASE_URL_FILE" placeholder:"FILE" help:"File that holds it."`
	config.PastPooler
	KeyName string `default:"django" help:"Name of the service key that is made."`
	KeyFile string `placeholder:"FILE" help:"Write the service key into this file instead of printing it; an existing file is kept."`
	URLFile string `placeholder:"FILE" help:"Write the database URL of the login that is made for serve into this file; an existing file is kept."`
	EnvFile string `placeholder:"FILE" help:"Write the settings of serve into this file instead of printing them; an existing file is kept."`
	JWKS    string `name:"jwks" env:"SESPAN_JWKS" default:"checkout.jwks.json" placeholder:"FILE" help:"Where manage.py sespan_init will write the site's public keys; only printed with the other settings."`

	SiteLogin string `placeholder:"LOGIN" help:"The site's own database login (USER in DATABASES): it gets the rights to enqueue mails and to show the staff pages. A superuser needs none."`
	SiteURL   string `name:"site-url" placeholder:"URL" help:"Where browsers find the site, such as https://shop.example; printed with the other settings."`
	CodePath  string `default:"/account/code/" help:"Path of the site's code page, which mails link to."`
	SMTPURL   string `name:"smtp-url" env:"SESPAN_SMTP_URL" placeholder:"URL" help:"The mail server, such as smtp://user:password@mail.example:587?tls=starttls; printed with the other settings."`
	MailFrom  string `name:"mail-from" env:"SESPAN_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of mails that name none, such as Shop <no-reply@shop.example>; printed with the other settings."`
	CustomerTable
	Roles
	Takeover
}

// Run sets a database up. It may run again: what is there stays as it is.
func (c *Init) Run(ctx context.Context, e *Env) error {
	if err := c.preflight(ctx); err != nil {
		return err
	}
	m, err := postgres.Migrate(ctx, c.Direct, postgres.MigrateOptions{
		RolePrefix: c.RolePrefix, NoRoles: c.NoRoles, ShareRoles: c.ShareRoles, Replace: c.Replace, Progress: e.progress,
	})
	if err != nil {
		return err
	}
	c.RolePrefix, c.NoRoles = m.Installation.RolePrefix, m.Installation.NoRoles // as the schema remembers them
	if m.RolesSQL != "" {
		e.progress("no roles were made: a DBA has to run what follows on standard output")
		fmt.Fprintln(e.Out, m.RolesSQL)
	}
	if _, err := c.bind(ctx, e, c.Direct, c.RolePrefix, c.Replace); err != nil { // what is WRONG has been printed, and doctor says it again
		return err
	}
	if err := c.siteLogin(ctx, e); err != nil {
		return err
	}
	admin, closing, err := openKeyAdmin(ctx, &c.PastPooler)
	if err != nil {
		return err
	}
	defer closing()
	keys, err := admin.List(ctx)
	if err != nil {
		return err
	}
	// The key is the last: whatever stops before it, the next run is the first again.
	if err := c.writeSettings(ctx, e, len(keys) == 0); err != nil {
		return err
	}
	return c.key(ctx, e, admin, keys)
}
