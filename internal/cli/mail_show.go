package cli

import (
	"context"
	"fmt"
	"strings"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// MailStatus is the command mail status.
type MailStatus struct{}

// Run prints the states.
func (*MailStatus) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Status(ctx)
		if err != nil {
			return err
		}
		err = table(e, m, rows, "", []string{"STATE", "MAILS", "PAUSED", "OLDEST", "NEXT DUE"}, func(r mail.StateCount) []string {
			return []string{r.State, fmt.Sprint(r.Mails), fmt.Sprint(r.Paused), timestamp(r.Oldest), timestamp(r.NextDue)}
		})
		if err != nil || m.JSON {
			return err
		}
		paused, err := admin.Paused(ctx)
		for _, p := range paused {
			e.progress(fmt.Sprintf("paused: %s by %s since %s", p.What, oneLine(orEmpty(p.Actor)), timestamp(p.Since)))
		}
		return err
	})
}

// MailList is the command mail list.
type MailList struct {
	State     string `enum:"any,queued,scheduled,sending,retry,unknown,dead,expired,suppressed,cancelled,sent" default:"any" help:"Only with a recipient in this state."`
	Category  string `placeholder:"NAME" help:"Only of this category."`
	Recipient string `placeholder:"TEXT" help:"Only with a recipient that begins so."`
	Before    int64  `placeholder:"ID" help:"Only with an id below this: the next page."`
	MailLimit
}

// Run prints the mails.
func (c *MailList) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Find(ctx, mail.Filter{State: stateFilter(c.State), Category: c.Category, Recipient: c.Recipient, Before: c.Before, Limit: c.Limit})
		if err != nil {
			return err
		}
		return table(e, m, rows, "no mail was found", []string{"MAIL", "ENQUEUED", "STATE", "SENT", "TO", "CATEGORY", "SUBJECT"}, func(r mail.Summary) []string {
			return []string{
				fmt.Sprint(r.MessageID), timestamp(&r.CreatedAt), r.State, fmt.Sprintf("%d/%d", r.Sent, r.Recipients),
				shorten(strings.Join(r.To, ", "), 40), orEmpty(r.Category), shorten(r.Subject, 50),
			}
		})
	})
}

// MailWhy is the command mail why.
type MailWhy struct {
	ID int64 `arg:"" help:"The mail's id, as mail_enqueue answered it."`
}

// Run prints the reason, by recipient.
func (c *MailWhy) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Why(ctx, c.ID)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return unknownMail(ctx, admin, c.ID)
		}
		return table(e, m, rows, "", []string{"RECIPIENT", "STATE", "NEXT TRY", "WHY"}, func(r mail.Explanation) []string {
			return []string{r.Recipient, r.State, timestamp(r.NextTry), sentence(r.Cause)}
		})
	})
}

// unknownMail says what an id without a mail is: not given yet, too old, or left unused.
func unknownMail(ctx context.Context, admin *postgres.MailAdmin, id int64) error {
	newest, err := admin.Find(ctx, mail.Filter{Limit: 1})
	if err != nil {
		return err
	}
	switch {
	case len(newest) == 0:
		return fmt.Errorf("no mail has the id %d: there is no mail at all", id)
	case id > newest[0].MessageID:
		return fmt.Errorf("no mail has the id %d: the newest one is %d", id, newest[0].MessageID)
	}
	older, err := admin.Find(ctx, mail.Filter{Before: max(1, id), Limit: 1})
	switch {
	case err != nil:
		return err
	case len(older) == 0:
		return fmt.Errorf("no mail has the id %d (any more): all that are kept are newer", id)
	}
	return fmt.Errorf("no mail has the id %d: nothing was committed under it", id)
}

// MailStuck is the command mail stuck.
type MailStuck struct{ MailLimit }

// Run prints the mails.
func (c *MailStuck) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Stuck(ctx, c.Limit)
		if err != nil {
			return err
		}
		return table(e, m, rows, "nothing is stuck", []string{"KIND", "MAIL", "RECIPIENT", "STATE", "SINCE", "WHY"}, func(r mail.StuckMail) []string {
			return []string{r.Kind, fmt.Sprint(r.MessageID), r.Recipient, r.State, timestamp(r.Since), sentence(r.Cause)}
		})
	})
}

// MailThroughput is the command mail throughput.
type MailThroughput struct{}

// Run prints the minutes.
func (*MailThroughput) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Throughput(ctx)
		if err != nil {
			return err
		}
		return table(e, m, rows, "no mail was finished within the last hour", []string{"MINUTE", "SENT", "FAILED", "WITHHELD"}, func(r mail.Throughput) []string {
			return []string{r.Minute.UTC().Format("15:04Z"), fmt.Sprint(r.Sent), fmt.Sprint(r.Failed), fmt.Sprint(r.Withheld)}
		})
	})
}

// MailDead is the command mail dead.
type MailDead struct {
	Category string `placeholder:"NAME" help:"Only of this category."`
	MailLimit
}

// Run prints the mails.
func (c *MailDead) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Dead(ctx, c.Category, c.Limit)
		if err != nil {
			return err
		}
		return table(e, m, rows, "no mail is dead", []string{"MAIL", "DIED", "RECIPIENT", "CATEGORY", "BODY", "REASON"}, func(r mail.DeadMail) []string {
			body := "wiped"
			if r.BodyKept {
				body = "kept"
			}
			return []string{
				fmt.Sprint(r.MessageID), timestamp(&r.FinishedAt), r.Recipient, orEmpty(r.Category), body,
				shorten(strings.TrimSpace(orEmpty(r.Reason)+" "+orEmpty(r.Code)+" "+orEmpty(r.Reply)), 100),
			}
		})
	})
}

// MailAudit is the command mail audit.
type MailAudit struct{ MailLimit }

// Run prints the audit.
func (c *MailAudit) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Audit(ctx, c.Limit)
		if err != nil {
			return err
		}
		return table(e, m, rows, "nobody has touched the queue", []string{"AT", "ACTOR", "LOGIN", "ACTION", "DETAIL", "MAILS"}, func(r mail.AuditEntry) []string {
			return []string{timestamp(&r.At), r.Actor, r.Login, r.Action, orEmpty(r.Detail), shorten(strings.Trim(fmt.Sprint(r.IDs), "[]"), 60)}
		})
	})
}
