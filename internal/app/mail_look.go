package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

func (e *env) mailStatus(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Status(ctx)
	if err != nil {
		return err
	}
	err = table(e, rows, "", []string{"STATE", "MAILS", "PAUSED", "OLDEST", "NEXT DUE"}, func(r mail.StateCount) []string {
		return []string{r.State, fmt.Sprint(r.Mails), fmt.Sprint(r.Paused), moment(r.Oldest), moment(r.NextDue)}
	})
	if err != nil || e.cli.Mail.JSON {
		return err
	}
	paused, err := admin.Paused(ctx)
	for _, p := range paused {
		e.say(fmt.Sprintf("paused: %s by %s since %s", p.What, oneLine(text(p.Actor)), moment(p.Since)))
	}
	return err
}

func (e *env) mailList(ctx context.Context, admin *postgres.MailAdmin) error {
	c := e.cli.Mail.List
	rows, err := admin.Find(ctx, mail.Filter{State: c.Chosen(), Category: c.Category, Recipient: c.Recipient, Before: c.Before, Limit: c.Limit})
	if err != nil {
		return err
	}
	return table(e, rows, "no mail was found", []string{"MAIL", "ENQUEUED", "STATE", "SENT", "TO", "CATEGORY", "SUBJECT"}, func(r mail.Summary) []string {
		return []string{
			fmt.Sprint(r.MessageID), moment(&r.CreatedAt), r.State, fmt.Sprintf("%d/%d", r.Sent, r.Recipients),
			shorten(strings.Join(r.To, ", "), 40), text(r.Category), shorten(r.Subject, 50),
		}
	})
}

func (e *env) mailWhy(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Why(ctx, e.cli.Mail.Why.ID)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return unknownMail(e.cli.Mail.Why.ID)
	}
	return table(e, rows, "", []string{"RECIPIENT", "STATE", "NEXT TRY", "WHY"}, func(r mail.Explanation) []string {
		return []string{r.Recipient, r.State, moment(r.NextTry), r.Why}
	})
}

func unknownMail(id int64) error {
	return fmt.Errorf("no mail with the id %d is known; it may be older than the retention", id)
}

func (e *env) mailStuck(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Stuck(ctx, e.cli.Mail.Stuck.Limit)
	if err != nil {
		return err
	}
	return table(e, rows, "nothing is stuck", []string{"KIND", "MAIL", "RECIPIENT", "STATE", "SINCE", "WHY"}, func(r mail.StuckMail) []string {
		return []string{r.Kind, fmt.Sprint(r.MessageID), r.Recipient, r.State, moment(r.Since), r.Why}
	})
}

func (e *env) mailThroughput(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Throughput(ctx)
	if err != nil {
		return err
	}
	return table(e, rows, "no mail was finished within the last hour", []string{"MINUTE", "SENT", "FAILED", "WITHHELD"}, func(r mail.Throughput) []string {
		return []string{r.Minute.UTC().Format("15:04Z"), fmt.Sprint(r.Sent), fmt.Sprint(r.Failed), fmt.Sprint(r.Withheld)}
	})
}

func (e *env) mailDead(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Dead(ctx, e.cli.Mail.Dead.Category, e.cli.Mail.Dead.Limit)
	if err != nil {
		return err
	}
	return table(e, rows, "no mail is dead", []string{"MAIL", "DIED", "RECIPIENT", "CATEGORY", "BODY", "REASON"}, func(r mail.DeadMail) []string {
		body := "wiped"
		if r.BodyKept {
			body = "kept"
		}
		return []string{
			fmt.Sprint(r.MessageID), moment(&r.FinishedAt), r.Recipient, text(r.Category), body,
			shorten(strings.TrimSpace(text(r.Reason)+" "+text(r.Code)+" "+text(r.Reply)), 100),
		}
	})
}

func (e *env) mailAudit(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Audit(ctx, e.cli.Mail.Audit.Limit)
	if err != nil {
		return err
	}
	return table(e, rows, "nobody has touched the queue", []string{"AT", "ACTOR", "LOGIN", "ACTION", "DETAIL", "MAILS"}, func(r mail.AuditEntry) []string {
		return []string{moment(&r.At), r.Actor, r.Login, r.Action, text(r.Detail), shorten(strings.Trim(fmt.Sprint(r.IDs), "[]"), 60)}
	})
}

func (e *env) mailPreview(ctx context.Context, admin *postgres.MailAdmin) error {
	rows, err := admin.Preview(ctx, e.cli.Mail.Preview.ID, e.cli.Mail.Actor)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return unknownMail(e.cli.Mail.Preview.ID)
	}
	if e.cli.Mail.JSON {
		return e.printJSON(rows)
	}
	m := rows[0]
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.Out, "%s: %s\n", name, oneLine(value))
		}
	}
	line("Enqueued", m.CreatedAt.UTC().Format(time.RFC3339))
	line("From", text(m.Sender))
	line("Reply-To", text(m.ReplyTo))
	line("To", strings.Join(m.To, ", "))
	line("Cc", strings.Join(m.CC, ", "))
	line("Subject", m.Subject)
	line("Category", text(m.Category))
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		line(name, m.Headers[name])
	}
	for _, a := range m.Attachments {
		line("Attachment", strings.TrimSpace(fmt.Sprintf("%s %s %d bytes %s", text(a.Filename), text(a.ContentType), a.Size, text(a.ContentID))))
	}
	line("Note", text(m.Note))
	for _, body := range []*string{m.Text, m.HTML, m.Raw} {
		if body != nil {
			fmt.Fprintf(e.Out, "\n%s\n", printable(*body))
		}
	}
	return nil
}

// printable keeps line breaks and tabs, and no other control character.
func printable(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		parts := strings.Split(l, "\t")
		for j := range parts {
			parts[j] = oneLine(parts[j])
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}
