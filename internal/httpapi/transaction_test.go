package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// tokens are the customer tokens of a test.
type tokens map[string]access.Principal

func (m tokens) Verify(_ context.Context, token string) (access.Principal, error) {
	if p, ok := m[token]; ok {
		return p, nil
	}
	return access.Principal{}, problem.New(problem.Unauthorized, "no such token")
}

// lateDraws and lateTiers get their service when the site has its database.
type (
	lateDraws struct{ *transaction.Service }
	lateTiers struct{ *transaction.Tiers }

	lateRecords struct{ *transaction.Records }
	lateExports struct{ *transaction.Exports }
)

// drawSite is a site with draws and tiers and ten customers.
type drawSite struct {
	*site
	tokens    tokens
	customers []int64
	service   string // Authorization of a service key
	admin     string
	report    string
}

func newDrawSite(t *testing.T) *drawSite {
	t.Helper()
	return newDrawSiteWith(t, func(*Deps) {})
}

func newDrawSiteWith(t *testing.T, change func(*Deps)) *drawSite {
	t.Helper()
	var records lateRecords
	var exports lateExports
	var draws lateDraws
	var tiers lateTiers
	d := &drawSite{tokens: tokens{}}
	d.site = newSite(t, func(deps *Deps) {
		deps.Tokens, deps.Draws, deps.Tiers, deps.Minor = d.tokens, &draws, &tiers, 2
		deps.Records, deps.Exports = &records, &exports
		change(deps)
	}, nil)
	ring, err := secret.Parse(secret.Generate("a"))
	require.NoError(t, err)
	store := postgres.NewTransactions(d.pool("draws", 2))
	draws.Service = transaction.NewService(transaction.Config{
		Store: store, Epochs: transaction.NewEpochs(store, ring, rand.Reader), Registerer: d.reg, Minor: 2,
	})
	t.Cleanup(draws.Close)
	reports, err := postgres.Open(t.Context(), postgres.Options{URL: d.db.URL})
	require.NoError(t, err)
	t.Cleanup(reports.Close)
	recordStore := postgres.NewRecords(reports)
	records.Records, exports.Exports = transaction.NewRecords(recordStore), transaction.NewExports(recordStore)
	tiers.Tiers = transaction.NewTiers(postgres.NewTiers(d.pool("tiers", 4)), 2)
	for i := range 10 {
		d.customers = append(d.customers, pgtest.AddCustomer(t, d.db, "c"+strconv.Itoa(i)+"@example.com", true))
	}
	d.service, d.admin, d.report = "Bearer "+d.key(access.RoleService), "Bearer "+d.key(access.RoleAdmin), "Bearer "+d.key(access.RoleReport)
	return d
}

func (d *drawSite) draw(body, authorization string) answer {
	d.t.Helper()
	return d.call("POST", "/v1/transactions", body, "Authorization", authorization)
}

func (d *drawSite) tier(body string) answer {
	d.t.Helper()
	return d.call("POST", "/v1/tiers", body, "Authorization", d.admin)
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

func TestDrawAnswersAsPromised(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"Gold","minimum_transaction":"100","probability":"1","discount":"0.1"}`).status)
	body := `{"order_ref":"A-1","transaction_amount":"150000","customer_id":"1"}`
	first := d.draw(body, d.service)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(first.body), &members))
	assert.Len(t, members, 6)
	got := decode[drawAnswer](t, first)
	assert.Equal(t, drawAnswer{
		TransactionID: 1, TierID: got.TierID, Discounted: true, TransactionAmount: "150000.00", DiscountedAmount: "135000.00", TransactionTime: got.TransactionTime,
	}, got)

	again := d.draw(`{"order_ref":"A-1","transaction_amount":"150000.00","customer_id":1,"client_nonce":"x"}`, d.service)
	assert.Equal(t, http.StatusOK, again.status)
	assert.JSONEq(t, first.body, again.body, "the same order gives the same result")

	other := d.draw(`{"order_ref":"A-1","transaction_amount":"1","customer_id":"1"}`, d.service)
	assert.Equal(t, http.StatusConflict, other.status)
	assert.Equal(t, "order-conflict", other.problem(t))

	none := d.draw(`{"order_ref":"A-2","transaction_amount":"99.99","customer_id":"1"}`, d.service)
	assert.Equal(t, http.StatusCreated, none.status)
	assert.Contains(t, none.body, `"tier_id":null,"discounted":false,"transaction_amount":"99.99","discounted_amount":"99.99"`)

	unknown := d.draw(`{"order_ref":"A-1","transaction_amount":"1","customer_id":"4711"}`, d.service)
	assert.Equal(t, http.StatusNotFound, unknown.status)
	assert.Equal(t, "unknown-customer", unknown.problem(t))

	for _, a := range []answer{first, again, other, none, unknown} {
		r := d.row(a)
		assert.Equal(t, "Transaction", *r.Type)
		assert.Equal(t, a.status, r.Status)
		assert.Equal(t, a.body, r.ResponseBody, "the row holds what was sent")
		assert.NotNil(t, r.CustomerID)
		assert.NotContains(t, r.RequestHeader, strings.TrimPrefix(d.service, "Bearer "))
	}
	assert.Contains(t, d.row(first).RequestHeader, `":path": "/v1/transactions"`)
	assert.Equal(t, map[string]float64{strconv.FormatInt(*got.TierID, 10): 1, "none": 1}, d.counters("sespan_transactions_total", "tier"))
}

func TestCustomerTokenIsBoundToItsOrder(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	d.tokens["good"] = access.Principal{
		Kind: access.KindCustomer, Roles: []access.Role{access.RoleCustomer}, Subject: "2", OrderRef: "A-1", Amount: "150000.00",
	}
	for name, c := range map[string]struct{ body, field string }{
		"another order":    {`{"order_ref":"A-2","transaction_amount":"150000.00"}`, "body.order_ref"},
		"another amount":   {`{"order_ref":"A-1","transaction_amount":"150000.01"}`, "body.transaction_amount"},
		"another customer": {`{"order_ref":"A-1","transaction_amount":"150000.00","customer_id":3}`, "body.customer_id"},
		"even its own":     {`{"order_ref":"A-1","transaction_amount":"150000.00","customer_id":2}`, "body.customer_id"},
	} {
		a := d.draw(c.body, "Bearer good")
		assert.Equal(t, http.StatusForbidden, a.status, name)
		assert.Equal(t, "token-mismatch", a.problem(t), name)
		assert.Contains(t, a.body, c.field, name)
	}
	a := d.draw(`{"order_ref":"A-1","transaction_amount":"150000","client_nonce":"q83vASNFZ4k="}`, "Bearer good")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	assert.Equal(t, int64(2), *d.row(a).CustomerID)
	var nonce string
	require.NoError(t, d.db.Pool.QueryRow(t.Context(), `SELECT client_nonce FROM sespan.transaction_log`).Scan(&nonce))
	assert.Equal(t, "q83vASNFZ4k=", nonce)

	server := d.draw(`{"order_ref":"A-1","transaction_amount":"150000.00","customer_id":2}`, d.service)
	assert.Equal(t, http.StatusOK, server.status, "the site's own call gets what the browser got")
	assert.Equal(t, a.body, server.body)

	report := d.draw(`{"order_ref":"A-9","transaction_amount":"1","customer_id":2}`, "Bearer "+d.key(access.RoleReport))
	assert.Equal(t, http.StatusForbidden, report.status)
	assert.Equal(t, http.StatusUnauthorized, d.draw(`{}`, "Bearer nothing").status)
}

// What an invoice is called in many a country, a key of the site, and what costs nothing.
func TestDrawTakesWhatShopsHave(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	for body, status := range map[string]int{
		`{"order_ref":"INV/2026/11/001#2","transaction_amount":"90.000000","customer_id":1}`: http.StatusCreated,
		`{"order_ref":"0","transaction_amount":"0.00","customer_id":1}`:                      http.StatusCreated,
	} {
		require.Equal(t, status, d.draw(body, d.service).status, body)
	}
	first := decode[drawAnswer](t, d.draw(`{"order_ref":9007199254740993,"transaction_amount":"0","customer_id":1}`, d.service))
	again := d.draw(`{"order_ref":"9007199254740993","transaction_amount":"0.0000","customer_id":1}`, d.service)
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.Equal(t, first, decode[drawAnswer](t, again))
	require.False(t, first.Discounted)
	require.Nil(t, first.TierID, "an order of nothing is in no tier")
}

func TestDrawRefusesBadInput(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	for name, c := range map[string]struct{ body, field string }{
		"no customer":      {`{"order_ref":"A","transaction_amount":"1"}`, "body.customer_id"},
		"no order":         {`{"transaction_amount":"1","customer_id":1}`, "body"},
		"no amount":        {`{"order_ref":"A","customer_id":1}`, "body"},
		"empty order":      {`{"order_ref":"","transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"long order":       {`{"order_ref":"` + strings.Repeat("x", 65) + `","transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"hostile order":    {`{"order_ref":"A'; DROP TABLE x;--","transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"newline":          {`{"order_ref":"A\n","transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"a part of one":    {`{"order_ref":1.5,"transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"below zero":       {`{"order_ref":-1,"transaction_amount":"1","customer_id":1}`, "body.order_ref"},
		"minus":            {`{"order_ref":"A","transaction_amount":"-1","customer_id":1}`, "body.transaction_amount"},
		"a number":         {`{"order_ref":"A","transaction_amount":1,"customer_id":1}`, "body.transaction_amount"},
		"exponent":         {`{"order_ref":"A","transaction_amount":"1e5","customer_id":1}`, "body.transaction_amount"},
		"NaN":              {`{"order_ref":"A","transaction_amount":"NaN","customer_id":1}`, "body.transaction_amount"},
		"three decimals":   {`{"order_ref":"A","transaction_amount":"1.005","customer_id":1}`, "body.transaction_amount"},
		"sixteen digits":   {`{"order_ref":"A","transaction_amount":"1000000000000000","customer_id":1}`, "body.transaction_amount"},
		"customer 0":       {`{"order_ref":"A","transaction_amount":"1","customer_id":0}`, "body.customer_id"},
		"nonce":            {`{"order_ref":"A","transaction_amount":"1","customer_id":1,"client_nonce":"a b"}`, "body.client_nonce"},
		"another property": {`{"order_ref":"A","transaction_amount":"1","customer_id":1,"discounted":true}`, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := d.draw(c.body, d.service)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
			doc := decode[document](t, a)
			require.NotEmpty(t, doc.Errors, a.body)
			assert.Equal(t, c.field, doc.Errors[0].Location)
		})
	}
}

func TestParallelDrawsOverHTTP(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"All","probability":"0.5","discount":"0.5","budget_uses":7,"per_customer_draws":null}`).status)
	var wg sync.WaitGroup
	statuses := make([]int, 100)
	for i := range statuses {
		wg.Go(func() {
			ref := strconv.Itoa(i / 2) // each order is sent twice
			a := d.draw(`{"order_ref":"`+ref+`","transaction_amount":"10","customer_id":`+strconv.Itoa(i/20+1)+`}`, d.service)
			statuses[i] = a.status
		})
	}
	wg.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	assert.Equal(t, map[int]int{201: 50, 200: 50}, counts)
	var rows, logged, wins int
	require.NoError(t, d.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sespan.transaction_log),
		(SELECT count(*) FROM sespan.api_log WHERE request_type = 'Transaction'), (SELECT uses FROM sespan.transaction_tier_usage)`).Scan(&rows, &logged, &wins))
	assert.Equal(t, []int{50, 100, 7}, []int{rows, logged, wins})
}

// One checkout token repeated without end: the draw has its row, and sixty rows a minute
// stand for the replays.
func TestReplaysOfATokenShareRows(t *testing.T) {
	t.Parallel()
	d := newDrawSiteWith(t, still)
	const replays = 100
	for i, customer := range d.customers[:2] {
		token := strconv.Itoa(i)
		d.tokens[token] = access.Principal{
			Kind: access.KindCustomer, Roles: []access.Role{access.RoleCustomer}, Subject: strconv.FormatInt(customer, 10), OrderRef: "A", Amount: "10",
		}
		for n := range replays + 1 {
			a := d.draw(`{"order_ref":"A","transaction_amount":"10"}`, "Bearer "+token)
			require.Equal(t, map[bool]int{true: 201, false: 200}[n == 0], a.status, a.body)
		}
	}
	d.log.Close()
	calls, rows := d.weights("status = 201")
	assert.Equal(t, []int{2, 2}, []int{calls, rows})
	calls, rows = d.weights("status = 200")
	assert.Equal(t, []int{2 * replays, 2 * apilog.MinuteRows}, []int{calls, rows}, "of each customer")
}

func TestDrawThatMustWaitTooLong(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	tx, err := d.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), `LOCK TABLE sespan.transaction_log IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	a := d.draw(`{"order_ref":"A","transaction_amount":"1","customer_id":1}`, d.service)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Equal(t, "unavailable", a.problem(t))
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	require.NoError(t, tx.Rollback(t.Context()))
	assert.Equal(t, http.StatusCreated, d.draw(`{"order_ref":"A","transaction_amount":"1","customer_id":1}`, d.service).status)
}
