package httpapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// drawn draws an order of a customer and gives its transaction_id.
func (d *drawSite) drawn(customer int, ref, amount string) int64 {
	d.t.Helper()
	a := d.draw(fmt.Sprintf(`{"customer_id":"%d","order_ref":%q,"transaction_amount":%q}`, d.customers[customer], ref, amount), d.service)
	require.Equal(d.t, 201, a.status, a.body)
	var out drawAnswer
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &out))
	return out.TransactionID
}

func (d *drawSite) cancel(id int64) answer {
	d.t.Helper()
	return d.call("POST", fmt.Sprintf("/v1/transactions/%d/cancel", id), "", "Authorization", d.service)
}

// list gives a page of transactions.
func (d *drawSite) list(query string) recordListAnswer {
	d.t.Helper()
	a := d.call("GET", "/v1/transactions?"+query, "", "Authorization", d.report)
	require.Equal(d.t, 200, a.status, a.body)
	var out recordListAnswer
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &out))
	return out
}

// refs are the orders of a whole list, page by page.
func (d *drawSite) refs(query string, limit int) string {
	d.t.Helper()
	var refs []string
	cursor := ""
	for range 100 {
		page := d.list(query + "&limit=" + strconv.Itoa(limit) + cursor)
		require.LessOrEqual(d.t, len(page.Transactions), limit)
		for _, r := range page.Transactions {
			refs = append(refs, r.OrderRef)
		}
		if page.NextCursor == nil {
			return strings.Join(refs, " ")
		}
		cursor = "&cursor=" + url.QueryEscape(*page.NextCursor)
	}
	d.t.Fatal("a list without an end")
	return ""
}

func TestCancelOverHTTP(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"All","probability":"1","discount":"0.1","budget_uses":1}`).status)
	id := d.drawn(0, "A-1", "100.00")
	first := d.cancel(id)
	require.Equal(t, 200, first.status, first.body)
	var r RecordAnswer
	require.NoError(t, json.Unmarshal([]byte(first.body), &r))
	assert.True(t, r.Discounted)
	assert.Equal(t, "10.00", r.Discount)
	assert.Equal(t, "All", *r.TierName)
	require.NotNil(t, r.CancelledAt)
	row := d.row(first)
	assert.Equal(t, "Transaction", *row.Type)
	assert.Equal(t, d.customers[0], *row.CustomerID)
	again := d.cancel(id)
	assert.Equal(t, 200, again.status)
	assert.JSONEq(t, first.body, again.body, "again: the same")
	b := d.drawn(1, "B-1", "100.00")
	a := d.call("GET", fmt.Sprintf("/v1/transactions/%d", b), "", "Authorization", d.report)
	assert.Contains(t, a.body, `"discounted":true`, "the budget got its use back")
	for path, slug := range map[string]string{
		"/v1/transactions/999999/cancel": "unknown-transaction", "/v1/transactions/9223372036854775807/cancel": "unknown-transaction",
		"/v1/transactions/9223372036854775808/cancel": "invalid", "/v1/transactions/0/cancel": "invalid", "/v1/transactions/x/cancel": "invalid",
	} {
		assert.Equal(t, slug, d.call("POST", path, "", "Authorization", d.service).problem(t), path)
	}
	for _, who := range []string{d.report, d.admin} {
		assert.Equal(t, 403, d.call("POST", fmt.Sprintf("/v1/transactions/%d/cancel", id), "", "Authorization", who).status)
	}
}

func TestTransactionAndItsProof(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"All","probability":"0.5","discount":"0.1"}`).status)
	first := d.drawn(0, "A-1", "100.00")
	d.cancel(first)
	second := d.drawn(0, "A-2", "100.00")
	get := func(id int64) recordDetailAnswer {
		a := d.call("GET", fmt.Sprintf("/v1/transactions/%d", id), "", "Authorization", d.admin)
		require.Equal(t, 200, a.status, a.body)
		var out recordDetailAnswer
		require.NoError(t, json.Unmarshal([]byte(a.body), &out))
		return out
	}
	origin, heir := get(first), get(second)
	assert.Equal(t, first, *heir.Draw.InheritedFrom)
	assert.Equal(t, origin.Draw.DrawNumber, heir.Draw.DrawNumber)
	assert.Equal(t, "9223372036854775808", *heir.Draw.DrawThreshold)
	assert.Len(t, *heir.Draw.SeedHash, 64)
	assert.Nil(t, heir.Draw.Seed, "the day is not over")
	assert.Nil(t, origin.Draw.InheritedFrom)
	assert.Equal(t, "unknown-transaction", d.call("GET", "/v1/transactions/77", "", "Authorization", d.report).problem(t))
	assert.Equal(t, 403, d.call("GET", "/v1/transactions/1", "", "Authorization", d.service).status)
}

func TestListOfTransactions(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"Small","probability":"0","discount":"0.1","maximum_transaction":"100"}`).status)
	require.Equal(t, 201, d.tier(`{"name":"Large","probability":"1","discount":"0.1","minimum_transaction":"100","maximum_transaction":"1000"}`).status)
	for i := range 12 {
		id := d.drawn(i%2, "R-"+strconv.Itoa(i), []string{"10", "200", "5000"}[i%3])
		if i%4 == 3 {
			d.cancel(id)
		}
	}
	customer := "customer_id=" + strconv.FormatInt(d.customers[0], 10)
	for query, want := range map[string]string{
		"":                                 "R-11 R-10 R-9 R-8 R-7 R-6 R-5 R-4 R-3 R-2 R-1 R-0",
		"tier_id=1":                        "R-9 R-6 R-3 R-0",
		"tier_id=0":                        "R-11 R-8 R-5 R-2",
		"tier_id=77":                       "",
		"discounted=true":                  "R-10 R-7 R-4 R-1",
		"discounted=false&tier_id=2":       "",
		"cancelled=true":                   "R-11 R-7 R-3",
		"cancelled=false&tier_id=2":        "R-10 R-4 R-1",
		"cancelled=true&tier_id=1":         "R-3",
		"order_ref=R-4":                    "R-4",
		"order_ref=R-4&tier_id=1":          "",
		customer:                           "R-10 R-8 R-6 R-4 R-2 R-0",
		customer + "&tier_id=0":            "R-8 R-2",
		customer + "&discounted=true":      "R-10 R-4",
		customer + "&order_ref=R-4":        "R-4",
		customer + "&order_ref=R-5":        "",
		customer + "&cancelled=true":       "",
		"customer_id=9223372036854775807":  "",
		"from=2026-01-01&to=9999-12-31":    "R-11 R-10 R-9 R-8 R-7 R-6 R-5 R-4 R-3 R-2 R-1 R-0",
		"to=2001-01-01":                    "",
		"from=9999-12-30T23:59:59%2B02:00": "",
	} {
		for _, limit := range []int{1, 2, 5, 500} {
			assert.Equal(t, want, d.refs(query, limit), "%s by %d", query, limit)
		}
	}
	at := d.list("order_ref=R-5").Transactions[0].TransactionTime.Format("2006-01-02T15:04:05.999999Z")
	assert.Equal(t, "R-11 R-10 R-9 R-8 R-7 R-6 R-5", d.refs("from="+at, 3), "from is in")
	assert.Equal(t, "R-4 R-3 R-2 R-1 R-0", d.refs("to="+at, 3), "to is not")
}

func TestListOfTransactionsRefuses(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	d.drawn(0, "A", "1")
	d.drawn(0, "B", "1")
	cursor := url.QueryEscape(*d.list("limit=1&tier_id=0").NextCursor)
	assert.Empty(t, d.list("limit=1&tier_id=0&cursor="+cursor).NextCursor)
	for query, field := range map[string]string{
		"cursor=" + cursor:                           "query.cursor",
		"tier_id=0&discounted=true&cursor=" + cursor: "query.cursor",
		"tier_id=0&cursor=B" + cursor[1:]:            "query.cursor",
		"tier_id=0&cursor=x":                         "query.cursor",
		"from=yesterday":                             "query.from",
		"from=2026-02-30":                            "query.from",
		"from=1969-12-31":                            "query.from",
		"to=10000-01-01":                             "query.to",
		"to=2026-11-22T25:00:00Z":                    "query.to",
		"to=2026-11-22+00:00":                        "query.to",
		"from=2026-11-23&to=2026-11-22":              "query.from",
		"from=2026-11-22&to=2026-11-22":              "query.from",
		"customer_id=0":                              "query.customer_id",
		"customer_id=9223372036854775808":            "query.customer_id",
		"customer_id=99999999999999999999":           "query.customer_id",
		"tier_id=-1":                                 "query.tier_id",
		"tier_id=9999999999999999999":                "query.tier_id",
		"tier_id=none":                               "query.tier_id",
		"discounted=yes":                             "query.discounted",
		"cancelled=1":                                "query.cancelled",
		"order_ref=a%20b":                            "query.order_ref",
		"order_ref=%00":                              "query.order_ref",
		"limit=0":                                    "query.limit",
		"limit=501":                                  "query.limit",
		"limit=many":                                 "query.limit",
		"offset=10":                                  "query",
	} {
		a := d.call("GET", "/v1/transactions?"+query, "", "Authorization", d.report)
		assert.Equal(t, 422, a.status, "%s: %s", query, a.body)
		assert.Contains(t, a.body, `"location":"`+field+`"`, query)
	}
	for _, who := range []string{d.service, "Bearer x"} {
		assert.Contains(t, []int{401, 403}, d.call("GET", "/v1/transactions", "", "Authorization", who).status)
	}
}
