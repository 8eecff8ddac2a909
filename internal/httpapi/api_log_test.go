package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
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
			_, err := store.Insert(ctx, []apilog.Entry{rec.JSONEntry(http.StatusOK, nil, in.Body)})
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

func TestFloodsWithoutAKeyAreSampled(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	s := newSite(t, func(d *Deps) { d.Clock = func() time.Time { return time.Unix(0, now.Load()) } }, nil)
	bearer := "Bearer " + s.key(access.RoleReport)
	for range floodRows + 30 {
		require.Equal(t, 401, s.call("POST", "/v1/logins", `{}`).status)
	}
	assert.Equal(t, floodRows, s.rows())
	assert.InDelta(t, 30, s.counters("sespan_apilog_events_total", "event")["sampled"], 0)
	for range 5 { // a valid key's failures are stored one by one
		s.row(s.call("POST", "/v1/logins", `{}`, "Authorization", bearer))
	}
	require.Equal(t, 404, s.call("GET", "/nowhere", "").status)
	assert.Equal(t, floodRows+5, s.rows(), "what is no call of the API has no row")

	now.Add(int64(time.Second)) // the next rows of the type and status
	for range 2 {
		require.Equal(t, 401, s.call("POST", "/v1/logins", `{}`).status)
	}
	require.Equal(t, 401, s.call("POST", "/v1/otp", `{}`).status)
	var weights string
	require.NoError(t, s.db.Pool.QueryRow(t.Context(), `SELECT string_agg(concat(request_type, ' ', stands_for), ', ' ORDER BY log_id)
		FROM sespan.api_log WHERE time_requested >= '2026-03-01 12:00:01Z'`).Scan(&weights))
	assert.Equal(t, "Login 31, Login 1, OTP 1", weights, "one stands for those that were left out")
}

func TestThrottleOfCallersWithoutAKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newSite(t, func(d *Deps) { d.Clock = func() time.Time { return now } }, nil)
	for range unauthenticatedCalls {
		require.Equal(t, 404, s.call("GET", "/nowhere", "").status)
	}
	a := s.call("GET", "/nowhere", "")
	require.Equal(t, 429, a.status)
	assert.Equal(t, "too-many-requests", a.problem(t))
	assert.Equal(t, "10", a.header.Get("Retry-After"))
	bearer := "Bearer " + s.key(access.RoleService)
	assert.Equal(t, 201, s.call("POST", "/v1/logins", `{"username":"a","outcome":"success"}`, "Authorization", bearer).status)
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
