package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

const (
	changeBatch = 1000 // mails in one call, which is one transaction
	changeLines = 50   // more are only counted
)

// MailRetry is the command mail retry.
type MailRetry struct{ MailSelection }

// MailCancel is the command mail cancel.
type MailCancel struct{ MailSelection }

// change does one thing to mails.
type change func(ctx context.Context, ids []int64, actor string) ([]mail.Change, error)

// Run sends the chosen mails again.
func (c *MailRetry) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		return changer{e, m, admin, admin.Retry, "sent again"}.run(ctx, &c.MailSelection, []string{"dead", "unknown", "retry"})
	})
}

// Run takes the chosen mails out of the queue.
func (c *MailCancel) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		return changer{e, m, admin, admin.Cancel, "cancelled"}.run(ctx, &c.MailSelection, []string{"queued", "scheduled", "retry", "unknown", "dead"})
	})
}

// changer does one thing to the chosen mails and tells what became of each.
type changer struct {
	*Env
	flags *Mail
	admin *postgres.MailAdmin
	do    change
	done  string // what a changed mail is, in words
}

// run fails when a given id is not known, or when none of the given could be changed.
func (c changer) run(ctx context.Context, selection *MailSelection, states []string) error {
	state, category, err := selection.Check()
	if err != nil {
		return err
	}
	var rows []mail.Change
	if len(selection.IDs) > 0 {
		rows, err = c.byID(ctx, selection.IDs)
	} else {
		if state != "" {
			states = []string{state}
		}
		rows, err = c.byState(ctx, category, states)
	}
	if err == nil || len(rows) > 0 { // what was done before a failure is told, too
		if printed := c.print(rows); err == nil {
			err = printed
		}
	}
	if err != nil || len(selection.IDs) == 0 {
		return err
	}
	return checkChanged(rows, c.done)
}

func checkChanged(rows []mail.Change, done string) error {
	var unknown []string
	for _, r := range rows {
		if r.QueueID == nil {
			unknown = append(unknown, fmt.Sprint(r.MessageID))
		}
	}
	if len(unknown) > 0 {
		return errors.New("no mail with this id is known: " + strings.Join(unknown, ", "))
	}
	if !slices.ContainsFunc(rows, func(r mail.Change) bool { return r.Changed }) {
		return errors.New("nothing was " + done)
	}
	return nil
}

func (c changer) byID(ctx context.Context, ids []int64) ([]mail.Change, error) {
	var all []mail.Change
	for part := range slices.Chunk(ids, changeBatch) {
		rows, err := c.do(ctx, part, c.flags.Actor)
		all = append(all, rows...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// byState goes from the newest mail down, a batch in each transaction, so
// that no worker waits for long.
func (c changer) byState(ctx context.Context, category string, states []string) ([]mail.Change, error) {
	var all []mail.Change
	for _, state := range states {
		search := mail.Filter{State: state, Category: category, Limit: changeBatch}
		for {
			found, err := c.admin.Find(ctx, search)
			if err != nil {
				return all, err
			}
			if len(found) == 0 {
				break
			}
			ids := make([]int64, len(found))
			for i := range found {
				ids[i] = found[i].MessageID
			}
			rows, err := c.do(ctx, ids, c.flags.Actor)
			all = append(all, rows...)
			if err != nil {
				return all, err
			}
			search.Before = ids[len(ids)-1]
		}
	}
	return all, nil
}

func (c changer) print(rows []mail.Change) error {
	changed := 0
	counts, causes := map[string]int{}, map[string]mail.Cause{} // by reason; the cause of the first
	for _, r := range rows {
		if r.Changed {
			changed++
		} else if counts[r.Reason]++; counts[r.Reason] == 1 {
			causes[r.Reason] = r.Cause
		}
	}
	if len(rows) <= changeLines || c.flags.JSON {
		err := table(c.Env, c.flags, rows, "no mail was chosen", []string{"MAIL", "RECIPIENT", "WAS", "IS", "WHY"}, func(r mail.Change) []string {
			return []string{fmt.Sprint(r.MessageID), orEmpty(r.Recipient), orEmpty(r.Was), orEmpty(r.State), sentence(r.Cause)}
		})
		if err != nil {
			return err
		}
	} else {
		for _, reason := range slices.Sorted(maps.Keys(counts)) {
			c.progress(fmt.Sprintf("%d left as they are, the first: %s", counts[reason], oneLine(sentence(causes[reason]))))
		}
	}
	if len(rows) > 0 {
		c.progress(fmt.Sprintf("%d of %d recipients %s", changed, len(rows), c.done))
	}
	return nil
}
