package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// logSite has calls of the last days in its log.
type logSite struct {
	*site
	bearer string
	newest time.Time
}

func newLogSite(t *testing.T, rows int) *logSite {
	t.Helper()
	s := newSite(t, nil, nil)
	l := &logSite{s, "Bearer " + s.key(access.RoleAdmin), time.Now().Add(-time.Hour).Truncate(time.Millisecond)}
	for i := range rows {
		l.insert(i)
	}
	return l
}

// insert adds row i: one each minute back in time, of five types, three addresses, four
// customers and five statuses.
func (l *logSite) insert(i int) {
	l.t.Helper()
	at := l.newest.Add(-time.Duration(i) * time.Minute)
	status := []int{200, 201, 401, 422, 204}[i%5]
	outcome := "success"
	if status >= 400 {
		outcome = "failure"
	}
	l.db.Exec(l.t, `WITH added AS (INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status, outcome, status_details,
			time_requested, time_responded, elapsed_time, customer_id)
		VALUES ($1, $2::inet, $3, '{":method": "POST", ":path": "/v1/otp"}', '{"x": "y"}', $4, $5, '', $6::timestamptz, $6::timestamptz + interval '1500 microseconds', '1500 microseconds', nullif($7::bigint, 0)) RETURNING time_requested, response_id)
		INSERT INTO sespan.api_log_body SELECT time_requested, response_id, 'sent', 'answered' FROM added`,
		idAt(at, i), fmt.Sprintf("203.0.113.%d", i%3), []string{"OTP", "Login", "Transaction", "Report", "Admin"}[i/5%5], status, outcome, at, i%4)
}

// idAt gives the version 7 UUID number i of the time.
func idAt(at time.Time, i int) uuid.UUID {
	var id uuid.UUID
	ms := at.UnixMilli()
	for b := range 6 {
		id[b] = byte(ms >> (40 - 8*b))
	}
	id[6], id[8], id[14], id[15] = 0x70, 0x80, byte(i>>8), byte(i)
	return id
}

func (l *logSite) get(query url.Values) answer {
	l.t.Helper()
	return l.call("GET", "/v1/api-log?"+query.Encode(), "", "Authorization", l.bearer)
}

// all follows the cursors to the end.
func (l *logSite) all(query url.Values) []LogRow {
	l.t.Helper()
	var rows []LogRow
	for range 200 {
		a := l.get(query)
		require.Equal(l.t, http.StatusOK, a.status, a.body)
		page := decode[logListAnswer](l.t, a)
		rows = append(rows, page.Rows...)
		if page.NextCursor == nil {
			return rows
		}
		query.Set("cursor", *page.NextCursor)
	}
	l.t.Fatal("the list has no end")
	return nil
}

func TestLogSearchFindsEveryRowOnce(t *testing.T) {
	t.Parallel()
	const rows = 300
	l := newLogSite(t, rows)
	for name, c := range map[string]struct {
		filter  string
		matches func(i int) bool
	}{
		"all":                  {"", func(int) bool { return true }},
		"a customer":           {"customer_id=3", func(i int) bool { return i%4 == 3 }},
		"an address":           {"ip=203.0.113.1", func(i int) bool { return i%3 == 1 }},
		"a mapped address":     {"ip=::ffff:203.0.113.1", func(i int) bool { return i%3 == 1 }},
		"a common status":      {"status=200", func(i int) bool { return i%5 == 0 }},
		"a rare status":        {"status=401", func(i int) bool { return i%5 == 2 }},
		"a common type":        {"request_type=Login", func(i int) bool { return i/5%5 == 1 }},
		"a rare type":          {"request_type=Admin&from=2020-01-01&to=" + url.QueryEscape(l.newest.Add(time.Second).UTC().Format(time.RFC3339)), func(i int) bool { return i/5%5 == 4 }},
		"an outcome":           {"outcome=failure", func(i int) bool { return i%5 == 2 || i%5 == 3 }},
		"address and status":   {"ip=203.0.113.2&status=422", func(i int) bool { return i%3 == 2 && i%5 == 3 }},
		"customer and outcome": {"customer_id=1&outcome=failure", func(i int) bool { return i%4 == 1 && (i%5 == 2 || i%5 == 3) }},
		"nothing":              {"customer_id=77", func(int) bool { return false }},
		"a contradiction":      {"status=401&outcome=success", func(int) bool { return false }},
	} {
		for _, limit := range []string{"7", "200"} {
			query, err := url.ParseQuery(c.filter)
			require.NoError(t, err)
			query.Set("limit", limit)
			if !query.Has("to") { // not the searches of this test
				query.Set("to", l.newest.Add(time.Second).UTC().Format(time.RFC3339Nano))
			}
			found := l.all(query)
			var want []string
			for i := range rows {
				if c.matches(i) {
					want = append(want, idAt(l.newest.Add(-time.Duration(i)*time.Minute), i).String())
				}
			}
			var got []string
			for _, r := range found {
				got = append(got, r.ResponseID)
			}
			assert.Equal(t, want, got, "%s, %s a page", name, limit)
		}
	}
}

func TestLogRow(t *testing.T) {
	t.Parallel()
	l := newLogSite(t, 4)
	id := idAt(l.newest.Add(-3*time.Minute), 3).String()
	a := l.call("GET", "/v1/api-log/"+id, "", "Authorization", l.bearer)
	require.Equal(t, http.StatusOK, a.status, a.body)
	at := l.newest.Add(-3 * time.Minute).UTC()
	assert.JSONEq(t, `{"response_id":"`+id+`","time_requested":"`+at.Format(time.RFC3339Nano)+`","time_responded":"`+at.Add(1500*time.Microsecond).Format(time.RFC3339Nano)+`",
		"elapsed_ms":1.5,"request_type":"OTP","method":"POST","path":"/v1/otp","status":422,"outcome":"failure","status_details":"","ip":"203.0.113.0","customer_id":"3","stands_for":1,
		"request_header":{":method":"POST",":path":"/v1/otp"},"request_body":"sent","response_header":{"x":"y"},"response_body":"answered"}`, a.body)
	assert.Equal(t, "Admin", *l.row(a).Type, "a look at the log is in the log")
	byID := decode[logListAnswer](t, l.get(url.Values{"response_id": {id}}))
	require.Len(t, byID.Rows, 1)
	assert.Equal(t, id, byID.Rows[0].ResponseID)
	own := decode[logListAnswer](t, l.get(url.Values{"response_id": {a.header.Get("X-Response-Id")}}))
	assert.Equal(t, "/v1/api-log/"+id, own.Rows[0].Path, "an id that the service made")

	unknown := l.call("GET", "/v1/api-log/"+uuid.Must(uuid.NewV7()).String(), "", "Authorization", l.bearer)
	assert.Equal(t, http.StatusNotFound, unknown.status)
	assert.Equal(t, "unknown-log-row", unknown.problem(t))
	for _, other := range []string{"/v1/api-log/" + uuid.Nil.String(), "/v1/api-log/ffffffff-ffff-ffff-ffff-ffffffffffff", "/v1/api-log/" + uuid.NewString()} {
		assert.Equal(t, http.StatusNotFound, l.call("GET", other, "", "Authorization", l.bearer).status, other)
	}
}

// Whoever looks at personal data is in the audit before the answer goes out.
func TestLogReadsAreAudited(t *testing.T) {
	t.Parallel()
	l := newLogSite(t, 1)
	id := idAt(l.newest, 0).String()
	l.get(url.Values{"customer_id": {"42"}, "status": {"401"}})
	l.call("GET", "/v1/api-log/"+id, "", "Authorization", l.bearer)
	rows, err := l.db.Pool.Query(t.Context(), `SELECT actor || ' ' || way || ' ' || action || ' ' || subject || ' ' || coalesce(nullif(subject_id, ''), '-') || ' ' || coalesce(detail, '') || ' ' || host(address)
		FROM sespan.audit WHERE subject = 'api_log' ORDER BY audit_id`)
	require.NoError(t, err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		list = append(list, s)
	}
	assert.Equal(t, []string{
		"test http read api_log - customer_id=42 status=401 limit=50 127.0.0.1",
		"test http read api_log " + id + "  127.0.0.1",
	}, list)
	l.db.Exec(t, `ALTER TABLE sespan.audit RENAME TO audit_away`)
	assert.Equal(t, http.StatusServiceUnavailable, l.get(url.Values{}).status, "nothing is shown that is not audited")
}

func TestLogSearchRefusesBadInput(t *testing.T) {
	t.Parallel()
	l := newLogSite(t, 3)
	cursor := *decode[logListAnswer](t, l.get(url.Values{"limit": {"1"}})).NextCursor
	for query, want := range map[string]struct{ field, detail string }{
		"cursor=" + cursor + "&status=200":         {"query.cursor", "begin again"},
		"cursor=" + strings.Repeat("A", 64):        {"query.cursor", "begin again"},
		"cursor=" + strings.Repeat("A", 300):       {"query.cursor", ""},
		"cursor=!":                                 {"query.cursor", "begin again"},
		"limit=0":                                  {"query.limit", ""},
		"limit=201":                                {"query.limit", ""},
		"limit=99999999999999999999":               {"query.limit", ""},
		"ip=10.0.0.0/8":                            {"query.ip", ""},
		"ip=fe80::1%25" + strings.Repeat("x", 100): {"query.ip", ""},
		"status=99":                                {"query.status", ""},
		"status=70000":                             {"query.status", ""},
		"request_type=Mail":                        {"query.request_type", ""},
		"customer_id=9999999999999999999":          {"query.customer_id", "9223372036854775807"},
		"response_id=x":                            {"query.response_id", ""},
		"from=2026-13-01":                          {"query.from", "Write an RFC 3339 time"},
		"from=2026-11-22&to=2026-11-21":            {"query.from", "before"},
		"outcome=success%00":                       {"query.outcome", ""},
		"from=9999-12-31&to=0000-01-01":            {"query.to", "1970"},
	} {
		a := l.call("GET", "/v1/api-log?"+query, "", "Authorization", l.bearer)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", query, a.body)
		doc := decode[document](t, a)
		require.NotEmpty(t, doc.Errors, query)
		assert.Equal(t, want.field, doc.Errors[0].Location, "%s: %s", query, a.body)
		assert.Contains(t, doc.Detail+doc.Errors[0].Message, want.detail, query)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, l.call("GET", "/v1/api-log/not-a-uuid", "", "Authorization", l.bearer).status)
	for _, query := range []string{"from=9999-12-31", "to=1970-01-02", "from=1970-01-01&to=9999-12-31", "from=2200-01-01"} {
		assert.Equal(t, http.StatusOK, l.call("GET", "/v1/api-log?"+query, "", "Authorization", l.bearer).status, query)
	}
}
