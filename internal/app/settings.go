package app

import (
	"context"
	"io/fs"
	"os"
	"time"

	"sespan/internal/config"
	"sespan/internal/otp"
)

// CheckSettings checks what serve finds out about settings that are well-formed, before
// it opens anything: what is missing, relays, keys of signatures, templates of mails.
func CheckSettings(c *config.Serve) error {
	if err := c.Complete(); err != nil {
		return err
	}
	if c.Runs("mail") {
		relays, err := Relays(&c.Settings, nil, nil, nil)
		if err != nil {
			return err
		}
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = relays.Close(closing) // nothing was opened
		if _, err := Signer(&c.Settings); err != nil {
			return err
		}
	}
	if !c.Runs("api") {
		return nil
	}
	_, err := mailer(c)
	return err
}

// mailer makes the mails of codes, from the site's own templates where there are some.
func mailer(c *config.Serve) (*otp.Mailer, error) {
	var overrides fs.FS
	if c.OTPTemplates != "" {
		if info, err := os.Stat(c.OTPTemplates); err != nil || !info.IsDir() { // no file of it would be missed
			return nil, &config.Error{Variable: "SESPAN_OTP_TEMPLATES", Problem: "names no folder that can be read", Hint: "name the folder of your own templates, or leave it out"}
		}
		overrides = os.DirFS(c.OTPTemplates)
	}
	m, err := otp.NewMailer(otp.MailerOptions{
		Site: c.SiteName, Color: c.SiteColor, Logo: c.SiteLogo, Link: c.OTPLink, Life: c.OTPLifetime, Overrides: overrides,
	})
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_OTP_TEMPLATES", Problem: "cannot be used: " + err.Error(), Hint: "correct the file or leave it out"}
	}
	return m, nil
}
