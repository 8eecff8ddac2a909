package cli

import (
	"context"
	"fmt"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// MailPause is the command mail pause.
type MailPause struct {
	What string `arg:"" help:"all, category:NAME or domain:NAME."`
}

// MailResume is the command mail resume.
type MailResume struct {
	What string `arg:"" help:"all, category:NAME or domain:NAME."`
}

// Run stops sending.
func (c *MailPause) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Pause(ctx, c.What, m.Actor)
		if err != nil {
			return err
		}
		return printPauses(e, m, rows)
	})
}

// Run ends a pause.
func (c *MailResume) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Resume(ctx, c.What, m.Actor)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%s is not paused", c.What)
		}
		if err := printPauses(e, m, rows); err != nil {
			return err
		}
		if rows[0].LeftParked > 0 {
			e.progress(fmt.Sprintf("%d mails were let go; the service lets %d more go within seconds", rows[0].Mails, rows[0].LeftParked))
		}
		return nil
	})
}

func printPauses(e *Env, m *Mail, rows []mail.Pause) error {
	return table(e, m, rows, "nothing is paused", []string{"WHAT", "SINCE", "BY", "LET GO"}, func(r mail.Pause) []string {
		return []string{r.What, timestamp(r.Since), orEmpty(r.Actor), fmt.Sprint(r.Mails)}
	})
}
