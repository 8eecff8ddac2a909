package app

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

func (e *env) mailPause(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Pause(ctx, e.cli.Mail.Pause.What, e.cli.Mail.Actor)
	if err != nil {
		return err
	}
	return e.printPauses(rows)
}

func (e *env) mailResume(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Resume(ctx, e.cli.Mail.Resume.What, e.cli.Mail.Actor)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s is not paused", e.cli.Mail.Resume.What)
	}
	if err := e.printPauses(rows); err != nil {
		return err
	}
	if rows[0].LeftParked > 0 {
		e.say(fmt.Sprintf("%d mails were let go; the service lets %d more go within seconds", rows[0].Mails, rows[0].LeftParked))
	}
	return nil
}

func (e *env) printPauses(rows []mail.Pause) error {
	return table(e, rows, "nothing is paused", []string{"WHAT", "SINCE", "BY", "LET GO"}, func(r mail.Pause) []string {
		return []string{r.What, moment(r.Since), text(r.Actor), fmt.Sprint(r.Mails)}
	})
}

func (e *env) mailSuppress(ctx context.Context, admin *postgres.MailAdmin) error {
	c := e.cli.Mail.Suppress
	var until *time.Time
	if c.For != nil {
		t := time.Now().Add(*c.For)
		until = &t
	}
	rows, err := admin.Suppress(ctx, c.Address, c.Scope, c.Detail, until, e.cli.Mail.Actor)
	if err != nil {
		return err
	}
	return e.printSuppressions(rows)
}

func (e *env) mailUnsuppress(ctx context.Context, admin *postgres.MailAdmin) error {
	address := e.cli.Mail.Unsuppress.Address
	rows, err := admin.Unsuppress(ctx, address, e.cli.Mail.Actor)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s is not suppressed", address)
	}
	return e.printSuppressions(rows)
}

func (e *env) mailSuppressed(ctx context.Context, admin *postgres.MailAdmin) error {
	c := e.cli.Mail.Suppressed
	rows, err := admin.Suppressed(ctx, c.Address, c.Limit)
	if err != nil {
		return err
	}
	return e.printSuppressions(rows)
}

func (e *env) printSuppressions(rows []mail.Suppression) error {
	return table(e, rows, "no address is suppressed", []string{"ADDRESS", "SCOPE", "REASON", "SINCE", "UNTIL", "BY", "DETAIL"}, func(r mail.Suppression) []string {
		until := moment(r.ExpiresAt)
		if until == "" {
			until = "for ever"
		}
		return []string{r.Address, r.Scope, r.Reason, moment(&r.CreatedAt), until, r.Source, text(r.Detail)}
	})
}
