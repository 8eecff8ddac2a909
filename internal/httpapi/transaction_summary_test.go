package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/stats"
)

func (c *countSite) summary(query string, header ...string) answer {
	c.t.Helper()
	return c.call("GET", "/v1/transactions/summary"+query, "", append([]string{"Authorization", "Bearer " + c.key(access.RoleReport)}, header...)...)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	head := func(groupBy string) string {
		return `"from":"2026-11-20T17:00:00Z","to":"2026-11-22T17:00:00Z","group_by":"` + groupBy + `","time_zone":"Asia/Jakarta",`
	}
	first := `"draws":100,"wins":20,"capped":4,"amount":"1000.00","discount":"20.50","cancelled":0,"cancelled_amount":"0.00","cancelled_discount":"0.00","net_amount":"1000.00","net_discount":"20.50"`
	second := `"draws":2,"wins":0,"capped":0,"amount":"20.00","discount":"0.00","cancelled":1,"cancelled_amount":"10.00","cancelled_discount":"1.00","net_amount":"10.00","net_discount":"-1.00"`
	total := `"draws":102,"wins":20,"capped":4,"amount":"1020.00","discount":"20.50","cancelled":1,"cancelled_amount":"10.00","cancelled_discount":"1.00","net_amount":"1010.00","net_discount":"19.50"`
	a := c.summary(twoDays)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.JSONEq(t, `{`+head("day")+`"rows":[{"at":"2026-11-20T17:00:00Z",`+first+`},{"at":"2026-11-21T17:00:00Z",`+second+`}],"total":{`+total+`}}`, a.body)
	assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	assert.Equal(t, "Report", *c.row(a).Type)

	ofTier := `"draws":100,"wins":20,"capped":4,"amount":"1000.00","discount":"20.50","cancelled":1,"cancelled_amount":"10.00","cancelled_discount":"1.00","net_amount":"990.00","net_discount":"19.50"`
	without := `"draws":2,"wins":0,"capped":0,"amount":"20.00","discount":"0.00","cancelled":0,"cancelled_amount":"0.00","cancelled_discount":"0.00","net_amount":"20.00","net_discount":"0.00"`
	assert.JSONEq(t, `{`+head("tier")+`"rows":[{"tier_id":7,"tier_name":"=Gold",`+ofTier+`},{"tier_id":null,"tier_name":null,`+without+`}],"total":{`+total+`}}`,
		c.summary(twoDays+"&group_by=tier").body)
	assert.JSONEq(t, `{`+head("tier")+`"rows":[{"tier_id":null,"tier_name":null,`+without+`}],"total":{`+without+`}}`, c.summary(twoDays+"&group_by=tier&tier_id=0").body)
	assert.Contains(t, c.summary(twoDays+"&tier_id=7").body, `"total":{`+ofTier+`}`)
	assert.Contains(t, c.summary(twoDays+"&tier_id=9&group_by=tier").body, `"rows":[],"total":{"draws":0,`)
	assert.Equal(t, http.StatusOK, c.summary("?group_by=tier&from=1970-01-02&to=2070-01-01").status, "a hundred years of one sum")
	for _, groupBy := range []string{"hour", "day", "week", "month", "tier"} {
		assert.Contains(t, c.summary("?group_by="+groupBy+"&from=2026-11-01&to=2026-12-01").body, `"total":{`+total+`}`, groupBy)
	}
}

func TestSummaryAsCSV(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	a := c.summary(twoDays+"&group_by=tier", "Accept", "text/csv")
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.Equal(t, csvMediaType, a.header.Get("Content-Type"))
	const counts = "draws,wins,capped,amount,discount,cancelled,cancelled_amount,cancelled_discount,net_amount,net_discount\r\n"
	assert.Equal(t, "tier_id,tier_name,"+counts+
		"7,'=Gold,100,20,4,1000.00,20.50,1,10.00,1.00,990.00,19.50\r\n"+
		",,2,0,0,20.00,0.00,0,0.00,0.00,20.00,0.00\r\n", a.body)
	days := c.summary(twoDays, "Accept", "text/csv")
	assert.Equal(t, "at,"+counts+
		"2026-11-20T17:00:00Z,100,20,4,1000.00,20.50,0,0.00,0.00,1000.00,20.50\r\n"+
		"2026-11-21T17:00:00Z,2,0,0,20.00,0.00,1,10.00,1.00,10.00,-1.00\r\n", days.body, "a number has no apostrophe")
}

type fakeCustomers struct{ asked stats.CustomerQuery }

func (f *fakeCustomers) CustomerSums(_ context.Context, q stats.CustomerQuery) ([]stats.CustomerCounts, stats.TransactionCounts, error) {
	f.asked = q
	c := stats.TransactionCounts{Draws: 1, Amount: decimal.NewFromInt(5)}
	return []stats.CustomerCounts{{CustomerID: 42, Username: new("@ann"), TransactionCounts: c}}, c, nil
}

func TestSummaryByCustomer(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	fake := &fakeCustomers{}
	h := summaryCalls{statsCalls{zone: c.deps.Zone, clock: c.deps.Clock, minor: 2}, fake, c.deps.Audit}
	in := &summaryRequest{From: "2026-11-21", To: "2026-11-23", GroupBy: "customer", CustomerID: "42", TierID: "0", Limit: 7}
	_, err := h.get(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, int64(42), *fake.asked.CustomerID)
	assert.Equal(t, stats.NoTier, *fake.asked.TierID)
	assert.Equal(t, 7, fake.asked.Limit)
	var read string
	require.NoError(t, c.db.Pool.QueryRow(t.Context(), `SELECT action || ' ' || detail FROM sespan.audit WHERE subject = 'transaction'`).Scan(&read))
	assert.Contains(t, read, "read summary by customer from=2026-11-20T17:00:00Z")
}

func TestSummaryRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	for query, want := range map[string]struct{ slug, field, detail string }{
		"group_by=year":                {"invalid", "query.group_by", ""},
		"customer_id=42":               {"invalid", "query.customer_id", "group_by=customer"},
		"limit=5":                      {"invalid", "query.limit", "group_by=customer"},
		"group_by=customer&limit=1001": {"invalid", "query.limit", ""},
		"group_by=customer&limit=" + strings.Repeat("9", 30): {"invalid", "query.limit", ""},
		"group_by=customer&from=2026-01-01&to=2026-06-01":    {"invalid", "query.from", "92 days"},
		"tier_id=-1":                              {"invalid", "query.tier_id", ""},
		"tier_id=9999999999999999999":             {"invalid", "query.tier_id", "9223372036854775807"},
		"to=2026-11-22T00:08:00Z":                 {"invalid", "query.to", "2026-11-22T00:15:00Z"},
		"group_by=tier&from=2026-11-22T00:01:00Z": {"invalid", "query.from", "2026-11-22T00:00:00Z"},
		"group_by=hour&from=2020-01-01":           {"too-many-buckets", "query.group_by", "group_by=week"},
		"from=2026-11-22&to=2026-11-22":           {"invalid", "query.from", "before"},
		"cursor=x":                                {"invalid", "query", ""},
	} {
		a := c.summary("?" + query)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", query, a.body)
		assert.Equal(t, want.slug, a.problem(t), query)
		doc := decode[document](t, a)
		require.NotEmpty(t, doc.Errors, query)
		assert.Equal(t, want.field, doc.Errors[0].Location, "%s: %s", query, a.body)
		assert.Contains(t, doc.Detail+doc.Errors[0].Message, want.detail, query)
	}
}
