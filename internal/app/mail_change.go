package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

const (
	changePortion = 1000 // mails for one call, which is one transaction
	changeLines   = 50   // more are only counted
)

type change func(ctx context.Context, ids []int64, actor string) ([]mail.Change, error)

func (e *env) mailRetry(ctx context.Context, admin *postgres.MailAdmin) error {
	return e.mailChange(ctx, admin, &e.cli.Mail.Retry, admin.Retry, "sent again", []string{"dead", "unknown", "retry"})
}

func (e *env) mailCancel(ctx context.Context, admin *postgres.MailAdmin) error {
	return e.mailChange(ctx, admin, &e.cli.Mail.Cancel, admin.Cancel, "cancelled", []string{"queued", "scheduled", "retry", "unknown", "dead"})
}

// mailChange does one thing to the chosen mails and tells what became of each. It
// fails when a given id is not known, or when none of the given could be changed.
func (e *env) mailChange(ctx context.Context, admin *postgres.MailAdmin, c *config.MailChoice, do change, done string, states []string) error {
	state, category, err := c.Check()
	if err != nil {
		return err
	}
	var rows []mail.Change
	if len(c.IDs) > 0 {
		rows, err = e.changeByID(ctx, c.IDs, do)
	} else {
		if state != "" {
			states = []string{state}
		}
		rows, err = e.changeByState(ctx, admin, category, states, do)
	}
	if err == nil || len(rows) > 0 { // what was done before a failure is told, too
		if printed := e.printChanges(rows, done); err == nil {
			err = printed
		}
	}
	if err != nil || len(c.IDs) == 0 {
		return err
	}
	return refusedAll(rows, done)
}

func refusedAll(rows []mail.Change, done string) error {
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

func (e *env) changeByID(ctx context.Context, ids []int64, do change) ([]mail.Change, error) {
	var all []mail.Change
	for part := range slices.Chunk(ids, changePortion) {
		rows, err := do(ctx, part, e.cli.Mail.Actor)
		all = append(all, rows...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// changeByState goes from the newest mail down, a portion in each transaction, so
// that no worker waits for long.
func (e *env) changeByState(ctx context.Context, admin *postgres.MailAdmin, category string, states []string, do change) ([]mail.Change, error) {
	var all []mail.Change
	for _, state := range states {
		search := mail.Filter{State: state, Category: category, Limit: changePortion}
		for {
			found, err := admin.Find(ctx, search)
			if err != nil || len(found) == 0 {
				if err != nil {
					return all, err
				}
				break
			}
			ids := make([]int64, len(found))
			for i := range found {
				ids[i] = found[i].MessageID
			}
			rows, err := do(ctx, ids, e.cli.Mail.Actor)
			all = append(all, rows...)
			if err != nil {
				return all, err
			}
			search.Before = ids[len(ids)-1]
		}
	}
	return all, nil
}

func (e *env) printChanges(rows []mail.Change, done string) error {
	changed := 0
	notes := map[string]int{}
	for _, r := range rows {
		if r.Changed {
			changed++
		} else {
			notes[text(r.Note)]++
		}
	}
	if len(rows) <= changeLines || e.cli.Mail.JSON {
		err := table(e, rows, "no mail was chosen", []string{"MAIL", "RECIPIENT", "WAS", "IS", "NOTE"}, func(r mail.Change) []string {
			return []string{fmt.Sprint(r.MessageID), text(r.Recipient), text(r.Was), text(r.State), text(r.Note)}
		})
		if err != nil {
			return err
		}
	} else {
		for note, n := range notes {
			e.say(fmt.Sprintf("%d left alone: %s", n, oneLine(note)))
		}
	}
	if len(rows) > 0 {
		e.say(fmt.Sprintf("%d of %d recipients %s", changed, len(rows), done))
	}
	return nil
}
