package cli

import (
	"net/mail"

	"sespan/internal/config"
	"sespan/internal/smtp"
)

// preflight finds what would stop init half-way. A password and keys that were made
// before that could not be shown again.
func (c *Init) preflight() error {
	if _, _, err := c.settings("", ""); err != nil {
		return err
	}
	if err := c.elsewhere(); err != nil {
		return err
	}
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
