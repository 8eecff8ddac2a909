package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// site is the API on a real database, with a few operations of its own beside
// ours.
type site struct {
	t    *testing.T
	db   *pgtest.DB
	url  string
	reg  *prometheus.Registry
	keys access.KeyAdmin
	log  *apilog.Logger
	deps Deps
	skew atomic.Int64 // added to the key cache's clock, in nanoseconds
}

// newSite starts the API; change and operations may be nil. An answer waits for its
// row as long as it takes, because the tests look for the row when they have the answer.
func newSite(t *testing.T, change func(*Deps), operations func(huma.API)) *site {
	t.Helper()
	return newSiteWithLogWait(t, time.Minute, change, operations)
}

// newSiteWithLogWait is newSite with the time that an answer waits for its row; 0 is
// that of the service.
func newSiteWithLogWait(t *testing.T, wait time.Duration, change func(*Deps), operations func(huma.API)) *site {
	t.Helper()
	s := &site{t: t, db: pgtest.NewDB(t), reg: prometheus.NewRegistry()}
	pool := s.pool("requests", 10)
	store := postgres.NewKeys(pool)
	s.keys = access.KeyAdmin{Store: store, Clock: time.Now}
	logger := slog.New(slog.DiscardHandler)
	s.deps = Deps{
		StaffKeys: access.StaffKeys{Admin: s.keys}, Ring: newCursors(t, "1").ring,
		Logger: logger, Registerer: s.reg, Clock: time.Now, Timeout: 5 * time.Second,
		Keys: access.NewAuthenticator(store, s.now, logger), Tokens: noTokens{},
		CustomerTables: postgres.NewCustomerTables(pool, time.Now),
		Counts:         postgres.NewStats(pool), LogSearch: apilog.NewSearch(postgres.NewAPILogSearch(pool), time.Now), Audit: postgres.NewAudit(pool),
	}
	if change != nil {
		change(&s.deps)
	}
	s.log = apilog.New(postgres.NewAPILog(s.pool("log", 2)), apilog.Options{Logger: logger, Registerer: s.reg, Wait: wait, Clock: s.deps.Clock})
	t.Cleanup(s.log.Close)
	s.deps.Log = s.log
	api, router := build(s.deps)
	if operations != nil {
		operations(api)
	}
	server := httptest.NewServer(chain(s.deps, newMetrics(s.deps.Registerer), router))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) }

func (s *site) pool(name string, connections int32) *postgres.Pool {
	s.t.Helper()
	pool, err := postgres.Open(s.t.Context(), postgres.Options{URL: s.db.URL, MaxConns: connections, ApplicationName: name})
	require.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	return pool
}

type noTokens struct{}

func (noTokens) Verify(context.Context, string) (access.Principal, error) {
	return access.Principal{}, problem.New(problem.Unauthorized, "no tokens here")
}

// key makes a service key.
func (s *site) key(role access.Role) string {
	s.t.Helper()
	_, whole, err := s.keys.Create(s.t.Context(), role, "test", 0)
	require.NoError(s.t, err)
	return whole
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem gives the slug of a problem document, and fails for another body.
func (a answer) problem(t *testing.T) string {
	t.Helper()
	require.Equal(t, problemMediaType, a.header.Get("Content-Type"), a.body)
	var d document
	require.NoError(t, json.Unmarshal([]byte(a.body), &d))
	require.Equal(t, a.status, d.Status)
	require.Equal(t, a.header.Get("X-Response-Id"), d.ResponseID)
	return strings.TrimPrefix(d.Type, problemURN)
}

// call makes a request; header is pairs of name and value.
func (s *site) call(method, path, body string, header ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if body != "" && !slices.Contains(header, "Content-Type") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req) // follows no redirects
	require.NoError(s.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return answer{res.StatusCode, res.Header, string(raw)}
}

// row is a row of the API log.
type row struct {
	IP, Type, Outcome, Details                               *string
	RequestHeader, RequestBody, ResponseHeader, ResponseBody string
	Status                                                   int
	Requested, Responded                                     time.Time
	CustomerID                                               *int64
}

// row gives the row of an answer, and fails when it is not there.
func (s *site) row(a answer) row {
	s.t.Helper()
	var r row
	err := s.db.Pool.QueryRow(s.t.Context(), `SELECT host(ip), request_type, outcome, status_details, request_header::text, request_body,
		response_header::text, response_body, status, time_requested, time_responded, customer_id
		FROM sespan.api_log_full WHERE response_id = $1`, a.header.Get("X-Response-Id")).
		Scan(&r.IP, &r.Type, &r.Outcome, &r.Details, &r.RequestHeader, &r.RequestBody,
			&r.ResponseHeader, &r.ResponseBody, &r.Status, &r.Requested, &r.Responded, &r.CustomerID)
	require.NoError(s.t, err, "no row for %d %s", a.status, a.body)
	return r
}

// rows counts the rows of the log.
func (s *site) rows() int {
	s.t.Helper()
	var n int
	require.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), `SELECT count(*) FROM sespan.api_log`).Scan(&n))
	return n
}
