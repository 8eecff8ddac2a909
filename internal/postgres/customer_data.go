package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sespan/internal/address"
	"sespan/internal/postgres/dbsqlc"
)

// Person is somebody about whom data is held: a customer of the site, one who is gone
// from it, or an address alone.
type Person struct {
	ID      *int64
	Emails  []string        // whose mails are meant
	Details json.RawMessage // the site's own row, nil where there is none
}

// CustomerData gives out what is held about a person, and takes it out, with the login
// of whoever runs the command. docs/personal-data.md says what stays.
type CustomerData struct {
	pool *Pool
	// Progress is told what an erasure has done so far, after each step; may be nil.
	Progress func(Erased)
}

// NewCustomerData makes it.
func NewCustomerData(pool *Pool) *CustomerData { return &CustomerData{pool: pool} }

// Find looks a person up by number, by address, or by both, where the address is then
// one more than the site's. An error says who is not known.
func (d *CustomerData) Find(ctx context.Context, id *int64, email string) (Person, error) {
	p := Person{ID: id}
	if email != "" {
		if _, err := address.Key(email); err != nil {
			return p, fmt.Errorf("--email %w", err)
		}
		p.Emails = append(p.Emails, email)
	}
	if id == nil {
		return d.byEmail(ctx, p, email)
	}
	rows, err := d.pool.queries.CustomerHeld(ctx, d.pool, *id)
	if err != nil && !isState(err, stateUnbound, stateUndefinedTable, stateUndefinedColumn) {
		return p, adminError(err)
	}
	for _, row := range rows {
		p.add(row.Email, row.Details)
	}
	if len(rows) == 0 {
		if known, err := d.pool.queries.CustomerKnown(ctx, d.pool, *id); err != nil || !known {
			return p, cmpError(adminError(err), fmt.Errorf("no customer has the number %d, and nothing is held of one who had", *id))
		}
	}
	return p, nil
}

func (d *CustomerData) byEmail(ctx context.Context, p Person, email string) (Person, error) {
	rows, err := d.withAddress(ctx, email)
	switch {
	case err != nil:
		return p, err
	case len(rows) > 1:
		return p, fmt.Errorf("several customers have this address, such as %d and %d: give --customer-id", rows[0].CustomerID, rows[1].CustomerID)
	case len(rows) == 1:
		p.ID = &rows[0].CustomerID
		p.add(rows[0].Email, rows[0].Details)
	}
	return p, nil
}

// withAddress gives the customers of an address, two at most; nobody where no table is bound.
func (d *CustomerData) withAddress(ctx context.Context, email string) ([]dbsqlc.CustomerHeldByEmailRow, error) {
	rows, err := d.pool.queries.CustomerHeldByEmail(ctx, d.pool, address.Spellings(email))
	if err != nil && !isState(err, stateUnbound) {
		return nil, adminError(err)
	}
	return slices.DeleteFunc(rows, func(r dbsqlc.CustomerHeldByEmailRow) bool { return !address.Same(r.Email, email) }), nil
}

func (p *Person) add(email, details string) {
	p.Details = json.RawMessage(details)
	if email != "" && !slices.ContainsFunc(p.Emails, func(e string) bool { return address.Same(e, email) }) {
		p.Emails = append(p.Emails, email)
	}
}

// addresses are what SQL compares: the key of each first, then how it may be written.
func (p *Person) addresses() []string {
	var keys, others []string
	for _, email := range p.Emails {
		if key, err := address.Key(email); err == nil {
			keys = append(keys, key)
		}
		for _, spelling := range address.Spellings(email) {
			others = append(others, address.Lower(spelling))
		}
	}
	all := append(keys, others...)
	return slices.DeleteFunc(all, func() func(string) bool {
		seen := map[string]bool{}
		return func(s string) bool { was := seen[s]; seen[s] = true; return was }
	}())
}

// Export gives each part to take: the name of a section, and items as a JSON list. A
// section may come in several parts, one after the other.
func (d *CustomerData) Export(ctx context.Context, p Person, take func(section string, items []json.RawMessage) error) error {
	for next, addresses := "", p.addresses(); ; {
		var step dbsqlc.CustomerExportRow
		err := d.pool.asActor(ctx, func(tx *batchTx) (err error) {
			step, err = d.pool.queries.CustomerExport(ctx, tx.thenCommit(), p.ID, addresses, next)
			return err
		})
		if err != nil {
			return adminError(err)
		}
		var items []json.RawMessage
		if err := json.Unmarshal([]byte(step.Items), &items); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if err := take(step.Section, items); err != nil || step.NextStep == "" {
			return err
		}
		next = step.NextStep
	}
}

// Erased tells how many rows an erasure has changed.
type Erased map[string]int

// Erase takes the person out, in steps; what was done before an error is told, too.
func (d *CustomerData) Erase(ctx context.Context, p Person) (Erased, error) {
	all := Erased{}
	for next, addresses := "", p.addresses(); ; {
		var step dbsqlc.CustomerEraseRow
		err := d.pool.asActor(ctx, func(tx *batchTx) (err error) {
			step, err = d.pool.queries.CustomerErase(ctx, tx.thenCommit(), p.ID, addresses, next)
			return err
		})
		if err != nil {
			return all, adminError(err)
		}
		var done Erased
		if err := json.Unmarshal([]byte(step.Done), &done); err != nil {
			return all, fmt.Errorf("erasure: %w", err)
		}
		for what, n := range done {
			all[what] += n
		}
		if next = step.NextStep; next == "" {
			return all, nil
		}
		if strings.HasPrefix(next, "queue:") {
			delete(all, "sending") // they are counted again
		}
		if d.Progress != nil {
			d.Progress(all)
		}
	}
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
