package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// countSite has counts of two days in Jakarta.
type countSite struct {
	*site
	bearer string
}

func newCountSite(t *testing.T) *countSite {
	t.Helper()
	s := newSite(t, func(d *Deps) {
		jakarta, err := time.LoadLocation("Asia/Jakarta")
		require.NoError(t, err)
		d.Zone, d.Minor = jakarta, 2
		d.Clock = func() time.Time { return time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC) }
	}, nil)
	c := &countSite{s, "Bearer " + s.key(access.RoleDashboard)}
	for _, statement := range []string{
		`INSERT INTO sespan.stats_api (bucket, request_type, outcome, bin, calls, elapsed_us) VALUES
			('2026-11-20T16:45Z', 'OTP', 'success', 0, 5, 0), ('2026-11-20T16:45Z', 'OTP', 'success', 1, 5, 0), ('2026-11-20T17:00Z', 'OTP', 'failure', 0, 4, 0),
			('2026-11-21T17:00Z', 'Login', 'success', 2, 2, 0), ('2026-11-22T16:45Z', 'OTP', 'success', 10, 1, 0)`,
		`INSERT INTO sespan.stats_otp (bucket, purpose, issued, resent, verified, failed, locked, expired) VALUES
			('2026-11-01T00:00Z', 'login', 100, 0, 90, 0, 0, 0), ('2026-11-20T17:00Z', 'login', 3, 1, 2, 4, 0, 1), ('2026-11-21T17:00Z', 'registration', 5, 0, 5, 0, 1, 0)`,
		`INSERT INTO sespan.stats_mail (bucket, outcome, mails) VALUES ('2026-11-21T17:00Z', 'sent', 7), ('2026-11-20T17:00Z', 'dead', 1)`,
		`INSERT INTO sespan.transaction_tier (tier_id, name, probability, discount) VALUES (7, '=Gold', 0.25, 0.1)`,
		`INSERT INTO sespan.stats_transaction (bucket, tier_id, draws, wins, capped, threshold, amount, discount) VALUES
			('2026-11-20T17:00Z', 7, 100, 20, 4, 100 * 4611686018427387904::numeric, 1000, 20.5), ('2026-11-21T17:15Z', NULL, 2, 0, 0, NULL, 20, 0)`,
		`SELECT sespan.stats_fold()`,
		`INSERT INTO sespan.stats_transaction (bucket, tier_id, cancelled, cancelled_wins, cancelled_amount, cancelled_discount) VALUES ('2026-11-21T17:00Z', 7, 1, 1, 10, 1)`,
	} {
		c.db.Exec(t, statement)
	}
	return c
}

func (c *countSite) get(path string) answer {
	c.t.Helper()
	return c.call("GET", path, "", "Authorization", c.bearer)
}

const twoDays = "?from=2026-11-21&to=2026-11-23"

func TestStatsAPIHits(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	a := c.get("/v1/stats/api-hits" + twoDays)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.JSONEq(t, `{"from":"2026-11-20T17:00:00Z","to":"2026-11-22T17:00:00Z","step":"day","time_zone":"Asia/Jakarta",
		"buckets":[{"at":"2026-11-20T17:00:00Z","calls":4,"success":0,"failure":4,"by_type":{"OTP":4,"Login":0,"Transaction":0,"Report":0,"Admin":0}},
		           {"at":"2026-11-21T17:00:00Z","calls":3,"success":3,"failure":0,"by_type":{"OTP":1,"Login":2,"Transaction":0,"Report":0,"Admin":0}}],
		"total":{"calls":7,"success":3,"failure":4},"previous":{"calls":10,"success":10,"failure":0},"ever":{"calls":17,"success":13,"failure":4},
		"by_type":[{"request_type":"OTP","calls":5,"success":1,"failure":4,"latency_ms":{"p50":3.1,"p95":5000,"p99":5000}},
		           {"request_type":"Login","calls":2,"success":2,"failure":0,"latency_ms":{"p50":17.5,"p95":24.3,"p99":24.9}},
		           {"request_type":"Transaction","calls":0,"success":0,"failure":0,"latency_ms":null},
		           {"request_type":"Report","calls":0,"success":0,"failure":0,"latency_ms":null},
		           {"request_type":"Admin","calls":0,"success":0,"failure":0,"latency_ms":null}]}`, a.body)
	assert.Equal(t, "Report", *c.row(a).Type, "who reads reports is in the log")
}

func TestStatsOutcomes(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	a := c.get("/v1/stats/outcomes?from=2026-11-21&to=2026-11-22T00:30:00%2B07:00&step=hour")
	require.Equal(t, http.StatusOK, a.status, a.body)
	out := decode[outcomesAnswer](t, a)
	assert.Len(t, out.Buckets, 25, "the last is cut")
	assert.Equal(t, StatsOutcomes{Failure: 4}, out.Buckets[0].ByType.OTP)
	assert.Equal(t, StatsOutcomes{Success: 2}, out.Buckets[24].ByType.Login)
	assert.Equal(t, StatsOutcomes{Success: 2, Failure: 4}, out.Total)
	assert.Equal(t, StatsOutcomes{Success: 10}, out.Previous)
	assert.Equal(t, StatsOutcomes{Success: 13, Failure: 4}, out.Ever)
}

func TestStatsOTP(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	a := c.get("/v1/stats/otp" + twoDays)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.JSONEq(t, `{"from":"2026-11-20T17:00:00Z","to":"2026-11-22T17:00:00Z","step":"day","time_zone":"Asia/Jakarta",
		"buckets":[{"at":"2026-11-20T17:00:00Z","issued":3,"resent":1,"verified":2,"failed":4,"locked":0,"expired":1,"cumulative_issued":103,"cumulative_verified":92},
		           {"at":"2026-11-21T17:00:00Z","issued":5,"resent":0,"verified":5,"failed":0,"locked":1,"expired":0,"cumulative_issued":108,"cumulative_verified":97}],
		"total":{"issued":8,"resent":1,"verified":7,"failed":4,"locked":1,"expired":1},
		"previous":{"issued":0,"resent":0,"verified":0,"failed":0,"locked":0,"expired":0},
		"ever":{"issued":108,"resent":1,"verified":97,"failed":4,"locked":1,"expired":1},
		"by_purpose":[{"purpose":"login","issued":3,"resent":1,"verified":2,"failed":4,"locked":0,"expired":1},
		              {"purpose":"registration","issued":5,"resent":0,"verified":5,"failed":0,"locked":1,"expired":0}]}`, a.body)
}

func TestStatsTransactions(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	a := c.get("/v1/stats/transactions?step=month&from=2026-11-01&to=2026-12-01")
	require.Equal(t, http.StatusOK, a.status, a.body)
	counts := `"draws":102,"wins":20,"capped":4,"amount":"1020.00","discount":"20.50","cancelled":1,"cancelled_amount":"10.00","cancelled_discount":"1.00"`
	assert.JSONEq(t, `{"from":"2026-10-31T17:00:00Z","to":"2026-11-30T17:00:00Z","step":"month","time_zone":"Asia/Jakarta",
		"buckets":[{"at":"2026-10-31T17:00:00Z",`+counts+`}],"total":{`+counts+`},"ever":{`+counts+`},
		"previous":{"draws":0,"wins":0,"capped":0,"amount":"0.00","discount":"0.00","cancelled":0,"cancelled_amount":"0.00","cancelled_discount":"0.00"},
		"tiers":[{"tier_id":7,"name":"=Gold","draws":100,"wins":20,"capped":4,"amount":"1000.00","discount":"20.50","cancelled":1,"cancelled_amount":"10.00",
		          "cancelled_discount":"1.00","observed_rate":"0.240000","interval":{"low":"0.166913","high":"0.332323"},"promised_rate":"0.250000"},
		         {"tier_id":null,"name":null,"draws":2,"wins":0,"capped":0,"amount":"20.00","discount":"0.00","cancelled":0,"cancelled_amount":"0.00",
		          "cancelled_discount":"0.00","observed_rate":"0.000000","interval":{"low":"0.000000","high":"0.657620"},"promised_rate":"0.000000"}]}`, a.body)
}

func TestStatsMail(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	out := decode[mailsAnswer](t, c.get("/v1/stats/mail"+twoDays))
	assert.Equal(t, StatsMails{Dead: 1}, out.Buckets[0].StatsMails)
	assert.Equal(t, StatsMails{Sent: 7, Dead: 1}, out.Total)
	assert.Equal(t, StatsMails{Sent: 7, Dead: 1}, out.Ever)
}

func TestStatsWithoutAQuery(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	for noun, step := range map[string]string{"api-hits": "", "otp": "?step=hour", "outcomes": "?step=week", "transactions": "?step=month", "mail": "?step=day"} {
		a := c.get("/v1/stats/" + noun + step)
		require.Equal(t, http.StatusOK, a.status, a.body)
		assert.Contains(t, a.body, `"buckets":[{"at":`)
	}
	report := c.call("GET", "/v1/stats/otp", "", "Authorization", "Bearer "+c.key(access.RoleReport))
	assert.Equal(t, http.StatusForbidden, report.status)
}

// A wrong query is a problem that says where it is and what to do.
func TestStatsRefuseBadInput(t *testing.T) {
	t.Parallel()
	c := newCountSite(t)
	for query, want := range map[string]struct{ slug, field, detail string }{
		"from=tomorrow":                      {"invalid", "query.from", "Write an RFC 3339 time"},
		"from=2026-02-30":                    {"invalid", "query.from", "Write an RFC 3339 time"},
		"from=0000-01-01":                    {"invalid", "query.from", "1970"},
		"from=0001-01-01T00:00:00Z":          {"invalid", "query.from", "1970"},
		"from=1970-01-01":                    {"invalid", "query.from", "1970"}, // in Jakarta that is the year before
		"to=10000-01-01":                     {"invalid", "query.to", "Write an RFC 3339 time"},
		"to=9999-12-31T23:00:00-12:00":       {"invalid", "query.to", "9999"},
		"to=2026-11-22%00":                   {"invalid", "query.to", "Write an RFC 3339 time"},
		"from=2026-11-22&to=2026-11-21":      {"invalid", "query.from", "before"},
		"from=9999-12-01":                    {"invalid", "query.from", "future"},
		"from=1970-01-02&to=2070-01-03":      {"invalid", "query.from", "100 years"},
		"from=2026-11-22T00:00:01Z":          {"invalid", "query.from", "2026-11-22T00:00:00Z"},
		"from=2026-11-22T00:00:00.000001Z":   {"invalid", "query.from", "2026-11-22T00:00:00Z"},
		"to=2026-11-22T00:08:00Z":            {"invalid", "query.to", "2026-11-22T00:15:00Z"},
		"step=hour&from=2020-01-01":          {"too-many-buckets", "query.step", "step=week"},
		"step=minute":                        {"invalid", "query.step", ""},
		"step=Day":                           {"invalid", "query.step", ""},
		"zone=UTC":                           {"invalid", "query", ""},
		"from=2026-11-21&from=2026-11-20&x=": {"invalid", "query.from", ""},
		"from=" + strings.Repeat("2", 5000):  {"invalid", "query.from", ""},
	} {
		a := c.get("/v1/stats/otp?" + query)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", query, a.body)
		assert.Equal(t, want.slug, a.problem(t), query)
		doc := decode[document](t, a)
		require.NotEmpty(t, doc.Errors, query)
		assert.Equal(t, want.field, doc.Errors[0].Location, "%s: %s", query, a.body)
		assert.Contains(t, doc.Detail+doc.Errors[0].Message, want.detail, query)
	}
	far := c.get("/v1/stats/otp?from=" + url.QueryEscape("9999-12-01T00:00:00+00:00") + "&to=9999-12-31T23:45:00Z&step=month")
	assert.Equal(t, http.StatusOK, far.status, far.body)
}
