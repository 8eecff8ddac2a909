package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/mailevent"
	"sespan/internal/postgres"
)

type echo struct{ Body struct{ Text string } }

// withEcho adds an operation that does what its text says.
func withEcho(do func(ctx context.Context, in *echo) error) func(huma.API) {
	return func(api huma.API) {
		register(api, operation(apilog.OTP, http.MethodPost, "/v1/echo", "echo", "Echo", http.StatusOK, access.RoleService),
			func(ctx context.Context, in *echo) (*echo, error) { return in, do(ctx, in) })
	}
}

func TestAnswerWaitsForItsRowButNotForEver(t *testing.T) {
	t.Parallel()
	s := newSiteWithLogWait(t, 0, nil, nil)
	bearer := "Bearer " + s.key(access.RoleService)
	const login = `{"username":"sari","outcome":"success"}`
	require.Equal(t, 201, s.call("POST", "/v1/logins", login, "Authorization", bearer).status) // fills the key's cache

	late := s.counters("sespan_apilog_events_total", "event")["late"] // the first answer may be, too
	lock, err := s.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `LOCK TABLE sespan.api_log IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	begun := time.Now()
	a := s.call("POST", "/v1/logins", login, "Authorization", bearer)
	waited := time.Since(begun)
	require.Equal(t, 201, a.status, a.body)
	assert.GreaterOrEqual(t, waited, 240*time.Millisecond, "the answer did not wait for its row")
	assert.Less(t, waited, s.deps.Timeout)
	assert.InDelta(t, late+1, s.counters("sespan_apilog_events_total", "event")["late"], 0)

	require.NoError(t, lock.Rollback(t.Context()))
	s.log.Close() // returns when the late row is in
	assert.Equal(t, 201, s.row(a).Status)
	assert.InDelta(t, 0, s.counters("sespan_apilog_events_total", "event")["lost"], 0)
}

func TestEveryAnsweredCallHasItsRowThoughConnectionsDie(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	bearer := "Bearer " + s.key(access.RoleService)
	var wg sync.WaitGroup
	answers := make([][]answer, 8)
	for i := range answers {
		wg.Go(func() {
			for n := range 40 {
				answers[i] = append(answers[i], s.call("POST", "/v1/logins",
					fmt.Sprintf(`{"username":"user %d %d","outcome":"success"}`, i, n), "Authorization", bearer))
				if n%10 == 5 {
					_, err := s.db.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
						WHERE datname = current_database() AND application_name = 'log'`)
					assert.NoError(t, err)
				}
			}
		})
	}
	wg.Wait()
	s.log.Close()
	for _, list := range answers {
		for _, a := range list {
			require.Equal(t, 201, a.status, a.body)
			assert.Equal(t, a.body, s.row(a).ResponseBody)
		}
	}
	assert.Equal(t, 320, s.rows(), "a retried flush wrote a row twice")
	assert.InDelta(t, 0, s.counters("sespan_apilog_events_total", "event")["lost"], 0)
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, withEcho(func(context.Context, *echo) error { panic("the code is 123456") }))
	a := s.call("POST", "/v1/echo", `{"Text":"x"}`, "Authorization", "Bearer "+s.key(access.RoleService))
	assert.Equal(t, 500, a.status)
	assert.Equal(t, "internal", a.problem(t))
	r := s.row(a)
	assert.Equal(t, 500, r.Status)
	assert.Equal(t, "failure", *r.Outcome)
	assert.Equal(t, "internal", *r.Details)
	assert.Equal(t, a.body, r.ResponseBody)
	assert.NotContains(t, r.ResponseBody, "123456")
}

// A handler that wrote its row in its own transaction is not logged again, and its
// row is what is sent.
func TestRowWrittenByTheHandler(t *testing.T) {
	t.Parallel()
	var store *postgres.APILog
	s := newSite(t, nil, withEcho(func(ctx context.Context, in *echo) error {
		id := int64(7)
		requestContextOf(ctx).customerID = &id
		rec := recorderOf(ctx)
		done := make(chan error)
		go func() { // as a group commit does
			err := store.Insert(ctx, []apilog.Entry{rec.JSONEntry(http.StatusOK, nil, in.Body)})
			done <- err
		}()
		rec.MarkWritten()
		return <-done
	}))
	store = postgres.NewAPILog(s.pool("draw", 1))
	a := s.call("POST", "/v1/echo", `{"Text":"<é>"}`, "Authorization", "Bearer "+s.key(access.RoleService))
	require.Equal(t, 200, a.status, a.body)
	assert.Equal(t, 1, s.rows())
	r := s.row(a)
	assert.Equal(t, a.body, r.ResponseBody)
	assert.Equal(t, `{"Text":"<é>"}`, r.RequestBody)
	assert.Equal(t, int64(7), *r.CustomerID)
	for _, name := range []string{"X-Response-Id", "Content-Type", "Cache-Control"} {
		assert.Contains(t, r.ResponseHeader, a.header.Get(name))
	}
}

// weights gives what the rows of the log stand for together, and how many they are.
func (s *site) weights(where string) (calls, rows int) {
	s.t.Helper()
	require.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), `SELECT coalesce(sum(stands_for), 0), count(*) FROM sespan.api_log WHERE `+where).Scan(&calls, &rows))
	return calls, rows
}

// still is a clock that stands, so that a minute has no end.
func still(d *Deps) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d.Clock = func() time.Time { return now }
}

// Whatever comes without a valid key or token is stored without bodies, sixty rows a
// minute of a type and status, and the rows stand for all calls, over the end of the
// process too.
func TestCallsOfStrangersAreSampled(t *testing.T) {
	t.Parallel()
	s := newSite(t, still, nil)
	const each = 150
	kinds := map[string][]string{
		"/v1/otp":          nil,
		"/v1/logins":       {"Authorization", "Bearer sk_abcdefabcdef_" + strings.Repeat("A", 43)},
		"/v1/transactions": {"Authorization", "Bearer invented." + strings.Repeat("x", 3000) + ".token", "User-Agent", strings.Repeat("u", 3000)},
	}
	for path, header := range kinds {
		for range each {
			require.Equal(t, 401, s.call("POST", path, `{"secret":"body"}`, header...).status)
		}
	}
	require.Equal(t, 404, s.call("GET", "/nowhere", "").status)
	_, rows := s.weights("true")
	assert.Equal(t, len(kinds)*(apilog.MinuteRows-1), rows, "the last row of a minute waits for its end; what is no call of the API has none")
	s.log.Close()
	for _, requestType := range []string{"OTP", "Login", "Transaction"} {
		calls, rows := s.weights("request_type = '" + requestType + "'")
		assert.Equal(t, each, calls, requestType)
		assert.Equal(t, apilog.MinuteRows, rows, requestType)
	}
	assert.InDelta(t, len(kinds)*(each-apilog.MinuteRows+1), s.counters("sespan_apilog_events_total", "event")["sampled"], 0)
	var bodies, longest, counted int
	require.NoError(t, s.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sespan.api_log_body), (SELECT max(length(request_header::text)) FROM sespan.api_log),
		(SELECT sum(calls) FROM sespan.stats_api_total)`).Scan(&bodies, &longest, &counted))
	assert.Zero(t, bodies)
	assert.Less(t, longest, 1200)
	assert.Equal(t, each*len(kinds), counted, "the counts are complete")
}

// What filled a disk: events without a signature, with one of 501 characters or an
// invented one, with a query that nobody wants, without a body, and with a key.
func TestEventsOfStrangersAreSampled(t *testing.T) {
	t.Parallel()
	s, keys := eventSite(t, still)
	const each = 70 // of one address: the throttle lets 500 pass
	header := mailevent.SignatureHeader
	invented := keys.Sign("relay-1", time.Now(), []byte("another body"))
	total := map[int]int{}
	for _, c := range []struct {
		target, body string
		header       []string
		status       int
	}{
		{"", `{"events":[]}`, nil, 401},
		{"", `{"events":[]}`, []string{header, strings.Repeat("a", 501)}, 401},
		{"", `{"events":[]}`, []string{header, invented}, 401},
		{"", `{"events":[]}`, []string{"Authorization", "Bearer sk_abcdefabcdef_" + strings.Repeat("A", 43)}, 401},
		{"?x=1", `{"events":[]}`, []string{header, invented}, 422},
		{"", "", []string{header, invented}, 400},
	} {
		for range each {
			a := s.call("POST", mailEventsPath+c.target, c.body, c.header...)
			require.Equal(t, c.status, a.status, "%s %s: %s", c.target, c.header, a.body)
		}
		total[c.status] += each
	}
	s.log.Close()
	for status, n := range total {
		calls, rows := s.weights(fmt.Sprintf("status = %d", status))
		assert.Equal(t, n, calls, status)
		assert.Equal(t, apilog.MinuteRows, rows, status)
	}
	var bodies int
	require.NoError(t, s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sespan.api_log_body`).Scan(&bodies))
	assert.Zero(t, bodies)
}

// Whoever is known has a row for each call, but for what strangers make the site call
// as often as they like: those of one visitor, or of one username, share sixty a minute.
func TestOnlyVisitorsOfAKnownCallerAreSampled(t *testing.T) {
	t.Parallel()
	s := newSite(t, still, nil)
	service, report := "Bearer "+s.key(access.RoleService), "Bearer "+s.key(access.RoleReport)
	const each = 80
	for i := range each {
		require.Equal(t, 403, s.call("POST", "/v1/logins", `{}`, "Authorization", report).status)
		one := fmt.Sprintf(`{"username":"name %d","outcome":"success"}`, i)
		require.Equal(t, 201, s.call("POST", "/v1/logins", one, "Authorization", service).status)
		visitor := fmt.Sprintf(`{"username":"guess %d","outcome":"failure","ip":"2001:db8::%x"}`, i, i)
		require.Equal(t, 201, s.call("POST", "/v1/logins", visitor, "Authorization", service).status)
		require.Equal(t, 422, s.call("POST", "/v1/otp", `{}`, "Authorization", service, "Sespan-Client-Ip", "192.0.2.7").status)
	}
	s.log.Close()
	for where, want := range map[string]int{
		"status = 403": each,
		"request_type = 'Login' AND outcome = 'success'":                  each,
		"request_type = 'Login' AND status = 201 AND outcome = 'failure'": apilog.MinuteRows,
		"status = 422": apilog.MinuteRows,
	} {
		calls, rows := s.weights(where)
		assert.Equal(t, each, calls, where)
		assert.Equal(t, want, rows, where)
	}
}

func TestThrottleOfCallersWithoutAKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, still, nil)
	for i := range unauthenticatedCalls { // whatever they bring
		header := [][]string{nil, {"Authorization", "Bearer invented"}, {"Authorization", "Basic YTpi"}}[i%3]
		path := []string{"/nowhere", "/v1/logins"}[i/3%2]
		a := s.call("POST", path, "", header...)
		require.Equal(t, map[string]int{"/nowhere": 404, "/v1/logins": 401}[path], a.status)
	}
	for _, header := range [][]string{nil, {"Authorization", "Bearer invented"}} {
		for _, path := range []string{"/nowhere", "/v1/logins"} {
			a := s.call("POST", path, "", header...)
			require.Equal(t, 429, a.status, path)
			assert.Equal(t, "too-many-requests", a.problem(t))
			assert.Equal(t, "10", a.header.Get("Retry-After"))
		}
	}
	assert.Equal(t, 429, s.call("GET", "/openapi.json", "").status)
	bearer := "Bearer " + s.key(access.RoleService)
	assert.Equal(t, 201, s.call("POST", "/v1/logins", `{"username":"a","outcome":"success"}`, "Authorization", bearer).status)
	s.log.Close()
	calls, _ := s.weights("status = 429 AND request_type = 'Login'")
	assert.Equal(t, 2, calls, "a throttled call of the API is counted as well")
}

func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, withEcho(func(context.Context, *echo) error { return nil }))
	bearer := "Bearer " + s.key(access.RoleService)
	long := `{"Text":"` + strings.Repeat("x", maxBodyBytes) + `"}`
	a := s.call("POST", "/v1/echo", long, "Authorization", bearer)
	assert.Equal(t, 413, a.status)
	assert.Equal(t, "too-large", a.problem(t))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/echo", struct{ *strings.Reader }{strings.NewReader(long)})
	require.NoError(t, err)
	req.ContentLength = -1 // chunked: the length shows only while reading
	req.Header.Set("Authorization", bearer)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, 413, res.StatusCode)
	r := s.row(answer{header: res.Header})
	assert.Equal(t, "too-large", *r.Details)
	assert.Less(t, len(r.RequestBody), 20<<10)

	a = s.call("POST", "/v1/echo", `{"Text":"`+strings.Repeat("é", 30<<10)+`"}`, "Authorization", bearer)
	require.Equal(t, 200, a.status)
	assert.Contains(t, s.row(a).ResponseBody, "bytes in all]")
}
