package cli

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// MailSuppress is the command mail suppress.
type MailSuppress struct {
	Address string         `arg:"" help:"A bare e-mail address."`
	Scope   string         `enum:"all,except_codes,bulk" default:"all" help:"all mails, all but codes (except_codes), or mails with a List-Unsubscribe header (bulk)."`
	For     *time.Duration `placeholder:"DURATION" help:"For how long, such as 720h; for ever without it."`
	Detail  string         `help:"A note for whoever looks at it later."`
}

// MailUnsuppress is the command mail unsuppress.
type MailUnsuppress struct {
	Address string `arg:"" help:"A bare e-mail address."`
}

// MailSuppressed is the command mail suppressed.
type MailSuppressed struct {
	Address string `arg:"" optional:"" help:"Only this address."`
	MailLimit
}

// Run keeps mails from an address.
func (c *MailSuppress) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		var until *time.Time
		if c.For != nil {
			t := time.Now().Add(*c.For)
			until = &t
		}
		rows, err := admin.Suppress(ctx, c.Address, c.Scope, c.Detail, until, m.Actor)
		if err != nil {
			return err
		}
		return printSuppressions(e, m, rows)
	})
}

// Run lets mails to an address go again.
func (c *MailUnsuppress) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Unsuppress(ctx, c.Address, m.Actor)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%s is not suppressed", c.Address)
		}
		return printSuppressions(e, m, rows)
	})
}

// Run prints the addresses.
func (c *MailSuppressed) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Suppressed(ctx, c.Address, c.Limit)
		if err != nil {
			return err
		}
		return printSuppressions(e, m, rows)
	})
}

func printSuppressions(e *Env, m *Mail, rows []mail.Suppression) error {
	return table(e, m, rows, "no address is suppressed", []string{"ADDRESS", "SCOPE", "REASON", "SINCE", "UNTIL", "BY", "DETAIL"}, func(r mail.Suppression) []string {
		until := timestamp(r.ExpiresAt)
		if until == "" {
			until = "for ever"
		}
		return []string{r.Address, r.Scope, r.Reason, timestamp(&r.CreatedAt), until, r.Source, orEmpty(r.Detail)}
	})
}
