package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sespan/internal/address"
	"sespan/internal/config"
	"sespan/internal/postgres"
)

// CustomerToHelp chooses whom to help.
type CustomerToHelp struct {
	Address    string `arg:"" optional:"" help:"Address of the customer: alone, or in the place of the site's."`
	CustomerID *int64 `name:"customer-id" placeholder:"N" help:"Key of the customer in the site's table."`
	JSON       bool   `name:"json" help:"Print one JSON object."`
}

// CustomerWhy is the command customer why.
type CustomerWhy struct{ CustomerToHelp }

// CustomerReset is the command customer reset.
type CustomerReset struct{ CustomerToHelp }

func (c *CustomerToHelp) who() (CustomerWho, error) {
	given := strings.TrimSpace(c.Address)
	if given == "" && c.CustomerID == nil {
		return CustomerWho{}, &config.Error{Variable: "ADDRESS", Problem: "is missing, and so is --customer-id", Hint: "give one of them, or both"}
	}
	if given != "" {
		if _, err := address.Key(given); err != nil {
			return CustomerWho{}, &config.Error{Variable: "ADDRESS", Problem: err.Error(), Hint: "write it as name@example.com"}
		}
	}
	return CustomerWho{CustomerID: c.CustomerID, Email: given}, nil
}

// Run prints what is known, the gravest first.
func (c *CustomerWhy) Run(ctx context.Context, customer *Customer, e *Env) error {
	who, err := c.who()
	if err != nil {
		return err
	}
	return customer.with(ctx, e, who, func(data *postgres.CustomerData, person postgres.Person) error {
		help, err := data.Help(ctx, person)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(struct {
				CustomerID *int64   `json:"customer_id"`
				Addresses  []string `json:"addresses"`
				IsActive   *bool    `json:"is_active"`
				postgres.CustomerHelp
			}{person.ID, person.Emails, isActive(person), help})
		}
		fmt.Fprintln(e.Out, oneLine(describe(person)))
		for _, r := range remarks(person, help) {
			fmt.Fprintf(e.Out, "%-8s %s\n", r.tone, oneLine(r.text))
		}
		return nil
	})
}

// Run gives back, and tells how much.
func (c *CustomerReset) Run(ctx context.Context, customer *Customer, e *Env) error {
	who, err := c.who()
	if err != nil {
		return err
	}
	return customer.with(ctx, e, who, func(data *postgres.CustomerData, person postgres.Person) error {
		if len(person.Emails) == 0 {
			return fmt.Errorf("%s has no address, so there is nothing to give back", describe(person))
		}
		uses, err := data.ResetBudgets(ctx, person)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return e.printJSON(map[string]any{"customer_id": person.ID, "address": person.Emails[0], "given_back": uses})
		case uses == 0:
			e.progress("nothing was used up")
		default:
			fmt.Fprintf(e.Out, "%s: %s given back; mails and tries may go on at once\n", oneLine(person.Emails[0]), counted(uses, "use", "uses"))
		}
		return nil
	})
}

// isActive is the site's word, nil where it does not say.
func isActive(p postgres.Person) *bool {
	var row struct {
		IsActive *bool `json:"is_active"`
	}
	if json.Unmarshal(p.Details, &row) != nil {
		return nil
	}
	return row.IsActive
}
