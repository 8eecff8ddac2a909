package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sespan/internal/config"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// writeSettings makes the login and the key ring of serve and gives its settings;
// a later run gives no other key ring, which would not open what the first seals.
func (c *Init) writeSettings(ctx context.Context, e *Env, first bool) error {
	at, err := c.serveLogin(ctx, e)
	if err != nil {
		return err
	}
	if c.URLFile != "" && !exists(c.URLFile) {
		if err := writeSecret(c.URLFile, at.url+"\n"); err != nil {
			return err
		}
		e.progress("database URL of serve: in " + c.URLFile)
	}
	if exists(c.EnvFile) {
		e.progress("settings: " + c.EnvFile + " is there already and stays")
		return nil
	}
	ring := secret.Generate("1")
	if !first {
		e.progress("secret keys: take the keys over from the first run; others could not open what those have sealed")
		e.progress("  lost, and no serve has run yet: SESPAN_SECRET_KEYS=\"1:$(openssl rand -base64 32)\"")
		ring = ""
	}
	text, adapt, err := c.settings(at, ring)
	if err != nil {
		return err
	}
	if adapt != "" {
		adapt = "; adapt " + adapt
	}
	if c.EnvFile != "" {
		e.progress("settings: " + c.EnvFile + adapt + "; then: sespan serve --env-file " + c.EnvFile)
		return writeSecret(c.EnvFile, text)
	}
	if c.URLFile == "" {
		e.progress("settings of sespan serve, on standard output; keep them secret" + adapt + ":")
		_, err = fmt.Fprint(e.Out, text)
	}
	return err
}

// elsewhere refuses settings of another database: they stay, and a password that is made
// for this one could not be given to anybody.
func (c *Init) elsewhere() error {
	if !exists(c.EnvFile) {
		return nil
	}
	values, err := config.EnvFile(c.EnvFile).Read()
	if err != nil {
		return err
	}
	there, err := postgres.TargetOf(values["SESPAN_DATABASE_URL"])
	if values["SESPAN_DATABASE_URL"] == "" || err != nil {
		return nil //nolint:nilerr // it names no database
	}
	here, err := postgres.TargetOf(c.DSN)
	shared := func(port string) bool { return slices.Contains(there.Ports, port) }
	if err != nil || there.Database == here.Database && slices.ContainsFunc(here.Ports, shared) {
		return err // a name and an address may be the same host
	}
	return &config.Error{
		Variable: "--env-file", Problem: fmt.Sprintf("is there already, and its SESPAN_DATABASE_URL leads to database %s at port %s, not to this one",
			there.Database, there.Ports[0]), Hint: "name another file, or remove that one",
	}
}

// settings are the lines for serve, quoted so that a shell, systemd and compose
// read the same values, and the names of those that still hold an example.
func (c *Init) settings(at serveAddresses, ring string) (text, adapt string, err error) {
	origin, link, err := c.site()
	if err != nil {
		return "", "", err
	}
	var lines, examples []string
	for _, s := range []struct{ name, value, example string }{
		{"SESPAN_DATABASE_URL", at.url, ""},
		{"SESPAN_DATABASE_DIRECT_URL", at.direct, ""},
		{"SESPAN_SECRET_KEYS", ring, ""},
		{"SESPAN_JWKS", c.JWKS, ""},
		{"SESPAN_SMTP_URL", c.SMTPURL, "smtp://user:password@mail.example:587?tls=starttls"},
		{"SESPAN_MAIL_FROM", c.MailFrom, "Shop <no-reply@shop.example>"},
		{"SESPAN_ALLOWED_ORIGINS", origin, "https://shop.example"},
		{"SESPAN_OTP_LINK", link, "https://shop.example" + c.CodePath},
	} {
		switch {
		case s.name == "SESPAN_SECRET_KEYS" && s.value == "":
			lines = append(lines, "# SESPAN_SECRET_KEYS: as in the first run")
			continue
		case s.name == "SESPAN_DATABASE_DIRECT_URL" && s.value == "":
			continue
		}
		if s.value == "" && s.example != "" {
			s.value = s.example
			examples = append(examples, s.name)
		}
		quoted, ok := config.Quote(s.value)
		if !ok {
			return "", "", &config.Error{Variable: s.name, Problem: "has a line end, or quotes of both kinds", Hint: "percent-encode them in a URL, leave them out elsewhere"}
		}
		lines = append(lines, s.name+"="+quoted)
	}
	return strings.Join(lines, "\n") + "\n", strings.Join(examples, ", "), nil
}

// site gives the origin and the code page of the site; empty where none was given.
func (c *Init) site() (origin, link string, err error) {
	if c.SiteURL == "" {
		return "", "", nil
	}
	u, err := url.Parse(c.SiteURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" {
		return "", "", &config.Error{Variable: "--site-url", Problem: "is not an address", Hint: "write https://shop.example"}
	}
	return u.Scheme + "://" + u.Host, u.JoinPath(c.CodePath).String(), nil
}
