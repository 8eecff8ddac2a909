package cli

import (
	"context"
	"net/mail"

	"sespan/internal/access"
	"sespan/internal/config"
	"sespan/internal/postgres"
	"sespan/internal/smtp"
)

// preflight finds what would stop init half-way. A password and keys that were made
// before that could not be shown again.
func (c *Init) preflight(ctx context.Context) error {
	checks := []func() error{
		c.resolve, c.elsewhere, c.checkMail, c.checkFiles, c.checkKeyName,
		func() error {
			_, _, err := c.settings(serveAddresses{}, "")
			return err
		},
		func() error { return c.checkDatabase(ctx) },
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the addresses, and that serve's can be made of them.
func (c *Init) resolve() error {
	d := config.Database{URL: c.DSN, URLFile: c.DSNFile, PastPooler: c.PastPooler}
	if err := d.Resolve(); err != nil {
		return err
	}
	c.DSN, c.PastPooler = d.URL, d.PastPooler
	for _, of := range []struct{ variable, address string }{{"SESPAN_DATABASE_URL", c.DSN}, {"SESPAN_DATABASE_DIRECT_URL", c.Direct}} {
		if _, err := postgres.LoginAddress(of.address, "serve", "password"); err != nil {
			return &config.Error{Variable: of.variable, Problem: "cannot be used: " + err.Error(), Hint: config.HintDatabaseURL}
		}
	}
	return nil
}

func (c *Init) checkMail() error {
	if c.MailFrom != "" {
		if _, err := mail.ParseAddress(c.MailFrom); err != nil {
			return &config.Error{Variable: "--mail-from", Problem: "is not an address", Hint: "write it as Shop <no-reply@shop.example>"}
		}
	}
	if c.SMTPURL != "" {
		if _, err := smtp.ParseURLs(c.SMTPURL); err != nil {
			return &config.Error{Variable: "--smtp-url", Problem: "cannot be used: " + err.Error(), Hint: config.HintSMTPURL}
		}
	}
	return nil
}

func (c *Init) checkFiles() error {
	for _, f := range []struct{ flag, path string }{{"--key-file", c.KeyFile}, {"--url-file", c.URLFile}, {"--env-file", c.EnvFile}} {
		if f.path == "" || exists(f.path) {
			continue
		}
		if err := canWrite(f.path); err != nil {
			return &config.Error{Variable: f.flag, Problem: "cannot be written: " + err.Error(), Hint: "name a file in a folder of yours"}
		}
	}
	return nil
}

func (c *Init) checkKeyName() error {
	if access.ValidKeyName(c.KeyName) {
		return nil
	}
	return &config.Error{Variable: "--key-name", Problem: "is no name of a key", Hint: "give 1 to 100 characters"}
}

// checkDatabase asks the database for what binding and the logins will need.
func (c *Init) checkDatabase(ctx context.Context) error {
	columns, err := postgres.ParseColumns(c.Columns)
	if err != nil {
		return err
	}
	plan := postgres.InitPlan{Table: c.Table, Columns: columns, RolePrefix: c.RolePrefix}
	if !c.NoRoles {
		plan.SiteLogin = c.SiteLogin
	}
	return postgres.CheckInit(ctx, c.Direct, plan)
}
