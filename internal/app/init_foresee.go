package app

import (
	"errors"
	"io/fs"
	"net/mail"
	"os"

	"sespan/internal/config"
	"sespan/internal/smtp"
)

// foresee finds what would stop init half-way. A password and keys that were made
// before that could not be shown again.
func foresee(c config.Init) error {
	if _, _, err := settings("", "", c); err != nil {
		return err
	}
	if c.MailFrom != "" {
		if _, err := mail.ParseAddress(c.MailFrom); err != nil {
			return &config.Error{Variable: "--mail-from", Problem: "is not an address", Mend: "write it as Shop <no-reply@shop.example>"}
		}
	}
	if c.SMTPURL != "" {
		if _, err := smtp.ParseURLs(c.SMTPURL); err != nil {
			return &config.Error{Variable: "--smtp-url", Problem: "cannot be used: " + err.Error(), Mend: mendSMTPURL}
		}
	}
	for _, f := range []struct{ flag, path string }{{"--key-file", c.KeyFile}, {"--url-file", c.URLFile}, {"--env-file", c.EnvFile}} {
		if f.path == "" || kept(f.path) {
			continue
		}
		if err := canWrite(f.path); err != nil {
			return &config.Error{Variable: f.flag, Problem: "cannot be written: " + err.Error(), Mend: "name a file in a folder of yours"}
		}
	}
	return nil
}

// canWrite leaves no file where there was none.
func canWrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the operator names the file
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(path))
}
