package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// mailCommands are those of `sespan mail`.
func (e *env) mailCommands() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"mail status":     e.asMailAdmin(e.mailStatus),
		"mail list":       e.asMailAdmin(e.mailList),
		"mail why":        e.asMailAdmin(e.mailWhy),
		"mail retry":      e.asMailAdmin(e.mailRetry),
		"mail cancel":     e.asMailAdmin(e.mailCancel),
		"mail pause":      e.asMailAdmin(e.mailPause),
		"mail resume":     e.asMailAdmin(e.mailResume),
		"mail stuck":      e.asMailAdmin(e.mailStuck),
		"mail throughput": e.asMailAdmin(e.mailThroughput),
		"mail dead":       e.asMailAdmin(e.mailDead),
		"mail preview":    e.asMailAdmin(e.mailPreview),
		"mail audit":      e.asMailAdmin(e.mailAudit),
		"mail suppress":   e.asMailAdmin(e.mailSuppress),
		"mail unsuppress": e.asMailAdmin(e.mailUnsuppress),
		"mail suppressed": e.asMailAdmin(e.mailSuppressed),
	}
}

// asMailAdmin opens the database with the person's own login. What a person asks
// may take longer than a request of the service. The name of the connection must not
// begin with "sespan mail": that is how the database knows a worker.
func (e *env) asMailAdmin(do func(context.Context, *postgres.MailAdmin) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := e.cli.Mail.Resolve(); err != nil {
			return err
		}
		pool, err := postgres.Open(ctx, postgres.Options{URL: e.cli.Mail.URL, MaxConns: 1, ApplicationName: "sespan admin", StatementTimeout: time.Minute, LockTimeout: 5 * time.Second})
		if err != nil {
			return &config.Error{Variable: "SESPAN_DATABASE_URL", Problem: "cannot be used: " + err.Error(), Mend: mendDatabaseURL}
		}
		defer pool.Close()
		if err := admitted(ctx, pool); err != nil {
			return err
		}
		err = do(ctx, postgres.NewMailAdmin(pool))
		if err != nil && strings.Contains(err.Error(), "\n") { // an address that does not answer is tried again, a line each
			err = errors.New(strings.Join(strings.Fields(err.Error()), " "))
		}
		return err
	}
}

// table prints rows aligned under headings, or as JSON, or says that there is none.
func table[T any](e *env, rows []T, none string, headings []string, cells func(T) []string) error {
	if e.cli.Mail.JSON {
		return e.printJSON(rows)
	}
	if len(rows) == 0 {
		e.say(none)
		return nil
	}
	var drawn bytes.Buffer
	w := tabwriter.NewWriter(&drawn, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(headings, "\t"))
	for _, row := range rows {
		line := cells(row)
		for i := range line {
			line[i] = oneLine(line[i])
		}
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(drawn.String()) {
		fmt.Fprintln(e.Out, strings.TrimRight(line, " \n"))
	}
	return nil
}

func (e *env) printJSON(rows any) error {
	enc := json.NewEncoder(e.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(rows)
}

// oneLine keeps what servers and senders wrote from moving the cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' {
			return ' '
		}
		return r
	}, s)
}

func text[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
