package app

import (
	"net/url"
	"strings"

	"sespan/internal/config"
)

// settings are the lines for serve, quoted so that a shell, systemd and compose
// read the same values, and the names of those that still hold an example.
func settings(database, ring string, c config.Init) (text, adapt string, err error) {
	origin, link, err := site(c)
	if err != nil {
		return "", "", err
	}
	var lines, examples []string
	for _, s := range []struct{ name, value, example string }{
		{"SESPAN_DATABASE_URL", database, ""},
		{"SESPAN_SECRET_KEYS", ring, ""},
		{"SESPAN_JWKS", c.JWKS, ""},
		{"SESPAN_SMTP_URL", c.SMTPURL, "smtp://user:password@mail.example:587?tls=starttls"},
		{"SESPAN_MAIL_FROM", c.MailFrom, "Shop <no-reply@shop.example>"},
		{"SESPAN_ALLOWED_ORIGINS", origin, "https://shop.example"},
		{"SESPAN_OTP_LINK", link, "https://shop.example" + c.CodePath},
	} {
		if s.name == "SESPAN_SECRET_KEYS" && s.value == "" {
			lines = append(lines, "# SESPAN_SECRET_KEYS: as in the first run")
			continue
		}
		if s.value == "" && s.example != "" {
			s.value = s.example
			examples = append(examples, s.name)
		}
		quoted, ok := config.Quote(s.value)
		if !ok {
			return "", "", &config.Error{Variable: s.name, Problem: "has a line end, or quotes of both kinds", Mend: "percent-encode them in a URL, leave them out elsewhere"}
		}
		lines = append(lines, s.name+"="+quoted)
	}
	return strings.Join(lines, "\n") + "\n", strings.Join(examples, ", "), nil
}

// site gives the origin and the code page of the site; empty where none was given.
func site(c config.Init) (origin, link string, err error) {
	if c.SiteURL == "" {
		return "", "", nil
	}
	u, err := url.Parse(c.SiteURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" {
		return "", "", &config.Error{Variable: "--site-url", Problem: "is not an address", Mend: "write https://shop.example"}
	}
	return u.Scheme + "://" + u.Host, u.JoinPath(c.CodePath).String(), nil
}
