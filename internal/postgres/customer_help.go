package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// CustomerHelp is what is known of a customer, or of an address, that gets no mail. At is
// the database's time; Right is live, ended or none. Nothing of it is a code.
type CustomerHelp struct {
	At           time.Time         `json:"at"`
	Right        string            `json:"right"`
	Codes        []HelpCode        `json:"codes"` // the newest first
	Budgets      []HelpBudget      `json:"budgets"`
	Suppressions []HelpSuppression `json:"suppressions"`
	Site         *struct {
		Used int64  `json:"used"`
		Most *int64 `json:"most"`
	} `json:"site"` // mails that strangers have caused today
	SharedAddress bool `json:"shared_address"` // by another customer of the site
}

// HelpCode is a code, and where its mail is: reason and facts as of mail_why.
type HelpCode struct {
	Purpose      string     `json:"purpose"`
	Status       string     `json:"status"`
	CreatedAt    time.Time  `json:"created_at"`
	ValidUntil   time.Time  `json:"valid_until"`
	Decoy        bool       `json:"decoy"`
	SameAddress  bool       `json:"same_address"`
	WrongGuesses int        `json:"wrong_guesses"`
	MessageID    *int64     `json:"message_id"`
	MailState    *string    `json:"mail_state"`
	MailReason   string     `json:"mail_reason"`
	MailFacts    mail.Facts `json:"mail_facts"`
}

// HelpBudget is what an address has used of one of its limits; FreeAt where nothing is left.
type HelpBudget struct {
	Scope   string     `json:"scope"`
	Used    int64      `json:"used"`
	Most    *int64     `json:"most"`
	Seconds int64      `json:"seconds"`
	FreeAt  *time.Time `json:"free_at"`
}

// HelpSuppression says why an address is not written to.
type HelpSuppression struct {
	Scope  string     `json:"scope"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"`
	Source string     `json:"source"`
	Detail *string    `json:"detail"`
}

// Help tells why a person gets no mail, and leaves a row in the audit.
func (d *CustomerData) Help(ctx context.Context, p Person) (CustomerHelp, error) {
	var found string
	err := d.pool.asActor(ctx, func(tx *batchTx) (err error) {
		found, err = d.pool.queries.CustomerHelp(ctx, tx.thenCommit(), p.ID, p.addressKey())
		return err
	})
	var help CustomerHelp
	if err != nil {
		return help, adminError(err)
	}
	if err := json.Unmarshal([]byte(found), &help); err != nil {
		return help, fmt.Errorf("help: %w", err)
	}
	help.SharedAddress, err = d.sharesAddress(ctx, p)
	return help, err
}

// sharesAddress tells whether another customer has the address, too.
func (d *CustomerData) sharesAddress(ctx context.Context, p Person) (bool, error) {
	if p.Details == nil || len(p.Emails) == 0 || addressKey(p.Emails[0]) == "" {
		return false, nil
	}
	rows, err := d.withAddress(ctx, p.Emails[0])
	return slices.ContainsFunc(rows, func(r dbsqlc.CustomerHeldByEmailRow) bool { return r.CustomerID != *p.ID }), err
}

// ResetBudgets gives a person's address back what it has used up, and tells how many uses.
func (d *CustomerData) ResetBudgets(ctx context.Context, p Person) (int, error) {
	var uses int32
	err := d.pool.asActor(ctx, func(tx *batchTx) (err error) {
		uses, err = d.pool.queries.CustomerHelpReset(ctx, tx.thenCommit(), p.ID, p.addressKey())
		return err
	})
	if err != nil {
		return 0, adminError(err)
	}
	return int(uses), nil
}

// addressKey is that of the address that is meant first, or the text of what is none: limits
// count that, too. Empty for no address.
func (p *Person) addressKey() string {
	if len(p.Emails) == 0 {
		return ""
	}
	return cmp.Or(addressKey(p.Emails[0]), strings.TrimSpace(p.Emails[0]))
}
