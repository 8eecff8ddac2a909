package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/testbed"
	"sespan/internal/secret"
)

const (
	codeClients  = 32
	codesASecond = 4000 // more than one purpose will reach: bounds the customers
)

//go:embed codes_customers.sql
var codesCustomersSQL string

//go:embed codes_ceiling.sql
var codesCeilingSQL string

//go:embed codes_read.sql
var codesReadSQL string

// codesBench issues and verifies codes over HTTP. Each code has a customer of its
// own: the limits of an address are not what is measured.
type codesBench struct {
	*env
	bearer    string
	customers atomic.Int64
	most      int64
	read      int64 // newest mail whose code is known
	fresh     []code
}

// code is a challenge with what its person would type.
type code struct{ challenge, number string }

// benchCodes measures codes issued and verified per second, with the mail in the
// queue, the API log on and the mail worker in another process's hands.
func benchCodes(ctx context.Context, e *env) error {
	b := &codesBench{env: e}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	e.printf("\nCodes over HTTP with the API log, %d clients, a customer for each code\n", codeClients)
	medians, err := e.alternate(ctx,
		side{"issue, login", b.issue("login", 1)},
		side{"verify, login", b.verify},
		side{"issue, registration (right to activate)", b.issue("registration", 0)},
		side{"verify, registration (activates)", b.verify},
	)
	if err != nil {
		return err
	}
	for i, what := range []string{"issued for logins", "verified for logins", "issued for registrations", "verified for registrations"} {
		e.report.Info("codes "+what, medians[i], "/s")
	}
	return nil
}

func (b *codesBench) prepare(ctx context.Context) error {
	b.most = testbed.Customers + 2*int64(2*float64(b.rounds+1)*codesASecond*b.length.Seconds()+codeClients)
	if _, err := b.Admin.Exec(ctx, codesCustomersSQL, b.most); err != nil {
		return err
	}
	if !b.options.Older { // a schema of before the budgets has none
		if _, err := b.Admin.Exec(ctx, codesCeilingSQL); err != nil {
			return err
		}
	}
	if err := b.serve(ctx, "api,maintenance"); err != nil {
		return err
	}
	var err error
	b.bearer, err = b.Bearer(ctx)
	return err
}

// issue asks for a code for one customer after the other; those with odd keys are
// active, the others new.
func (b *codesBench) issue(purpose string, odd int64) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		list, closing, err := dialAll(ctx, b.service.Addr, codeClients)
		if err != nil {
			return sample{}, err
		}
		defer closing()
		return b.sample(func() (float64, error) {
			return parallel(ctx, codeClients, b.length, func(worker int) (bool, error) {
				id := testbed.Customers + 2*b.customers.Add(1) + odd
				if id > b.most {
					return false, errors.New("the customers have run out")
				}
				body := fmt.Appendf(nil, `{"customer_id":%d,"purpose":"%s"}`, id, purpose)
				return true, list[worker].post("/v1/otp", b.bearer, body, http.StatusAccepted)
			})
		})
	}
}

// verify types the codes of the last round, which stand in the sealed mails.
func (b *codesBench) verify(ctx context.Context) (sample, error) {
	if err := b.open(ctx); err != nil {
		return sample{}, err
	}
	list, closing, err := dialAll(ctx, b.service.Addr, codeClients)
	if err != nil {
		return sample{}, err
	}
	defer closing()
	var next atomic.Int64
	return b.sample(func() (float64, error) {
		return parallel(ctx, codeClients, b.length, func(worker int) (bool, error) {
			i := next.Add(1) - 1
			if i >= int64(len(b.fresh)) {
				return false, nil
			}
			c := b.fresh[i]
			body := fmt.Appendf(nil, `{"otp_number":"%s"}`, c.number)
			return true, list[worker].post("/v1/otp/"+c.challenge+"/verify", b.bearer, body, http.StatusOK)
		})
	})
}

var codeInLink = regexp.MustCompile(`/account/code/([0-9a-f-]{36})/#code=(\d+)`)

// open reads the codes that have been issued since the last call.
func (b *codesBench) open(ctx context.Context) error {
	rows, err := b.Admin.Query(ctx, codesReadSQL, b.read)
	if err != nil {
		return err
	}
	b.fresh = b.fresh[:0]
	var id int64
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &sealed}, func() error {
		plain, err := b.Ring.Open(secret.LabelMail, "", sealed)
		if err != nil {
			return err
		}
		var body struct{ Text string }
		if err := json.Unmarshal(plain, &body); err != nil {
			return err
		}
		found := codeInLink.FindStringSubmatch(body.Text)
		if found == nil {
			return fmt.Errorf("mail %d has no link with a code", id)
		}
		b.read = max(b.read, id)
		b.fresh = append(b.fresh, code{found[1], found[2]})
		return nil
	})
	return err
}
