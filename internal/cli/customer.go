package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Customer is the command customer: what a person may ask for who is held data of, and help
// for one who gets no mail.
type Customer struct {
	Export CustomerExport `cmd:"" help:"Print all that is held about a person, as JSON."`
	Erase  CustomerErase  `cmd:"" help:"Take a person out; prints what was removed, and what stays and why."`
	Why    CustomerWhy    `cmd:"" help:"Why a customer gets no mail or code, the gravest first. The look is audited."`
	Reset  CustomerReset  `cmd:"" help:"Give an address back the mails and tries that it has used up."`
	config.Database
}

// CustomerWho chooses the person.
type CustomerWho struct {
	CustomerID *int64 `name:"customer-id" placeholder:"N" help:"Key of the person in the site's table, also of one who is gone from it."`
	Email      string `placeholder:"ADDRESS" help:"Address of the person: alone, or one more than the site's."`
}

// CustomerExport is the command customer export.
type CustomerExport struct {
	CustomerWho
}

// CustomerErase is the command customer erase.
type CustomerErase struct {
	CustomerWho
	Yes bool `help:"Do not ask."`
}

// with opens the database with the person's own login and finds whom it is about.
func (c *Customer) with(ctx context.Context, e *Env, who CustomerWho, do func(*postgres.CustomerData, postgres.Person) error) error {
	if who.CustomerID == nil && who.Email == "" {
		return &config.Error{Variable: "--customer-id", Problem: "is missing, and so is --email", Hint: "give one of them, or both"}
	}
	if err := c.Resolve(); err != nil {
		return err
	}
	o := postgres.Options{ApplicationName: "sespan customer", StatementTimeout: 10 * time.Minute, LockTimeout: lockTimeout}
	return withDatabase(ctx, &c.Database, o, func(pool *postgres.Pool) error {
		data := postgres.NewCustomerData(pool)
		person, err := data.Find(ctx, who.CustomerID, strings.TrimSpace(who.Email))
		if err != nil {
			return err
		}
		if person.ID == nil {
			e.progress("No customer has this address: what follows is of the address alone.")
		}
		return do(data, person)
	})
}

// Run prints one JSON object, a section a member, as the steps give it.
func (c *CustomerExport) Run(ctx context.Context, customer *Customer, e *Env) error {
	return customer.with(ctx, e, c.CustomerWho, func(data *postgres.CustomerData, person postgres.Person) error {
		out := bufio.NewWriter(e.Out)
		w := &exportWriter{out: out}
		if err := w.begin(person); err != nil {
			return err
		}
		if err := data.Export(ctx, person, w.take); err != nil {
			return errors.Join(err, out.Flush())
		}
		fmt.Fprint(out, "\n  ]\n}\n")
		return out.Flush()
	})
}

// exportWriter writes sections one after the other, without holding them.
type exportWriter struct {
	out     io.Writer
	section string
	items   int
}

func (w *exportWriter) begin(p postgres.Person) error {
	site := p.Details
	if site == nil {
		site = json.RawMessage("null")
	}
	emails, err := json.Marshal(p.Emails)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "{\n  \"customer_id\": %s,\n  \"addresses\": %s,\n  \"customer\": %s", numberOrNull(p.ID), emails, site)
	return err
}

func numberOrNull(n *int64) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}

func (w *exportWriter) take(section string, items []json.RawMessage) error {
	if section != w.section {
		if w.section != "" {
			fmt.Fprint(w.out, "\n  ]")
		}
		fmt.Fprintf(w.out, ",\n  %q: [", section)
		w.section, w.items = section, 0
	}
	for _, item := range items {
		if w.items++; w.items > 1 {
			fmt.Fprint(w.out, ",")
		}
		if _, err := fmt.Fprintf(w.out, "\n    %s", item); err != nil {
			return err
		}
	}
	return nil
}

// Run asks, erases, and tells what became of it.
func (c *CustomerErase) Run(ctx context.Context, customer *Customer, e *Env) error {
	return customer.with(ctx, e, c.CustomerWho, func(data *postgres.CustomerData, person postgres.Person) error {
		if !c.Yes && !e.confirm(os.Stdin, "Erase "+describe(person)+"? It cannot be undone. Type yes: ") {
			return errors.New("nothing was erased; give --yes where nobody can answer")
		}
		data.Progress = e.everyFewSeconds(time.Now)
		erased, err := data.Erase(ctx, person)
		for _, line := range erasedLines() {
			if n, done := erased[line.name]; done {
				fmt.Fprintf(e.Out, "%-9d %s\n", n, line.text)
			}
		}
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted: the erasure is not complete, run it again")
		case err != nil:
			return fmt.Errorf("the erasure is not complete, run it again: %w", err)
		}
		for _, line := range keptLines() {
			fmt.Fprintf(e.Out, "stays     %s\n", line)
		}
		if n := erased["sending"]; n > 0 {
			return fmt.Errorf("%d mails are being sent at this moment: run it again in a minute", n)
		}
		return nil
	})
}

func describe(p postgres.Person) string {
	var parts []string
	if p.ID != nil {
		parts = append(parts, fmt.Sprintf("customer %d", *p.ID))
	}
	return strings.Join(append(parts, p.Emails...), ", ")
}

// confirm asks a person; nobody's answer is no.
func (e *Env) confirm(from io.Reader, question string) bool {
	fmt.Fprint(e.Err, question)
	answer, err := bufio.NewReader(io.LimitReader(from, 100)).ReadString('\n')
	if err != nil {
		e.progress("")
	}
	return strings.EqualFold(strings.TrimSpace(answer), "yes")
}

type erasedLine struct{ name, text string }

// erasedLines say what each number counts, in the order of the steps.
func erasedLines() []erasedLine {
	return []erasedLine{
		{"cancelled", "mails that waited: cancelled"},
		{"mails", "mails: address and content removed"},
		{"mail_events", "delivery events: address removed"},
		{"suppressions", "suppressions: the address became a hash"},
		{"calls", "rows of the API log: customer, address, headers and bodies removed"},
		{"draws", "draws: user name removed"},
		{"keys", "own service keys: revoked, name removed"},
		{"codes", "codes, with their challenges: deleted"},
	}
}

// keptLines say what an erasure leaves and why, as docs/personal-data.md does.
func keptLines() []string {
	return []string{
		"draws with the customer's number: they are bookkeeping, and prove each other's numbers",
		"rows of the API log without the person, and all counts: they say nothing of anybody",
		"suppressions as a hash of the address: nobody writes to it against the person's wish",
		"entries of the audit, append-only, until their age (SESPAN_AUDIT_DAYS): they prove this erasure, too",
		"the right to be activated, with the site's row: a ban must hold",
		"the customer's own row: it is the site's",
	}
}
