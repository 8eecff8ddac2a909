package postgres_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

func openLog(t *testing.T, db *pgtest.DB) *postgres.APILog {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: 2, ApplicationName: "log"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return postgres.NewAPILog(pool)
}

func logEntry() apilog.Entry {
	now := time.Now()
	id := int64(42)
	return apilog.Entry{
		ResponseID: uuid.New(), IP: netip.MustParseAddr("fe80::1%eth0"), Type: apilog.Transaction,
		RequestHeader: apilog.RedactRequest("POST", "/v1/transactions", map[string][]string{"Accept": {"a", "b"}}),
		RequestBody:   apilog.RedactBody([]byte("{\"order_ref\":\"x\xff\",\"n\":\"\\u0000\"}")), ResponseBody: apilog.RedactBody([]byte(`{"ok":true}`)),
		Status: 201, Outcome: apilog.Success, Requested: now, Responded: now.Add(1500 * time.Microsecond), CustomerID: &id,
	}
}

func TestAPILogInsert(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	store := openLog(t, db)
	full, bare := logEntry(), logEntry()
	bare.IP, bare.CustomerID, bare.RequestHeader = netip.Addr{}, nil, apilog.Header{}
	require.NoError(t, store.Insert(t.Context(), []apilog.Entry{full, bare}))

	var ip *string
	var body, names, partition string
	var customer *int64
	var elapsed time.Duration
	read := func(e apilog.Entry) {
		require.NoError(t, db.Pool.QueryRow(t.Context(), `SELECT host(l.ip), f.request_body, l.request_header::text, l.customer_id, l.elapsed_time, l.tableoid::regclass::text
			FROM sespan.api_log l JOIN sespan.api_log_full f USING (response_id) WHERE response_id = $1`, e.ResponseID).Scan(&ip, &body, &names, &customer, &elapsed, &partition))
	}
	read(full)
	assert.Equal(t, "fe80::1", *ip)
	assert.Equal(t, "{\"order_ref\":\"x\uFFFD\",\"n\":\"\\u0000\"}", body)
	assert.JSONEq(t, `{":method":"POST",":path":"/v1/transactions","accept":["a","b"]}`, names)
	assert.Equal(t, int64(42), *customer)
	assert.Equal(t, 1500*time.Microsecond, elapsed)
	assert.Equal(t, "sespan.api_log_"+full.Requested.UTC().Format("20060102"), partition)
	read(bare)
	assert.Nil(t, ip)
	assert.Nil(t, customer)
	assert.JSONEq(t, `{}`, names)

	require.NoError(t, store.Insert(t.Context(), []apilog.Entry{full, bare, logEntry()})) // a replay
	require.NoError(t, store.Insert(t.Context(), nil))
	var rows, bodies int
	require.NoError(t, db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sespan.api_log), (SELECT count(*) FROM sespan.api_log_body)`).Scan(&rows, &bodies))
	assert.Equal(t, 3, rows, "only the row that was not there is new")
	assert.Equal(t, 3, bodies, "and its bodies")
}

func TestAPILogOfAFarDayGoesToTheDefaultPartition(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	e := logEntry()
	e.Requested = e.Requested.AddDate(0, 0, 30)
	e.Responded = e.Requested
	require.NoError(t, openLog(t, db).Insert(t.Context(), []apilog.Entry{e}))
	_, err := db.Pool.Exec(t.Context(), `SELECT sespan.partition_ensure('sespan.api_log'::regclass, 31)`)
	require.NoError(t, err)
	var partition string
	require.NoError(t, db.Pool.QueryRow(t.Context(), `SELECT tableoid::regclass::text FROM sespan.api_log WHERE response_id = $1`, e.ResponseID).Scan(&partition))
	assert.Equal(t, "sespan.api_log_"+e.Requested.UTC().Format("20060102"), partition, "the row did not move when its day was made")
}

// Rows that PostgreSQL itself refuses, among good ones, from many callers.
func TestAPILogPoisonIsBisected(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pgtest.CheckCounts(t, db)
	logger := apilog.New(openLog(t, db), apilog.Options{Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	var wg sync.WaitGroup
	const rows = 300
	results := make([]error, rows)
	entries := make([]apilog.Entry, rows)
	for i := range rows {
		entries[i] = logEntry()
		switch i % 50 {
		case 17:
			entries[i].StatusDetails = "a\x00b" // stored bare
		case 33:
			entries[i].Type = "Nonsense" // cannot be stored at all
		}
		wg.Go(func() { results[i] = logger.Write(t.Context(), entries[i]) })
	}
	wg.Wait()
	logger.Close()
	for i, e := range entries {
		var body string
		err := db.Pool.QueryRow(t.Context(), `SELECT response_body FROM sespan.api_log_full WHERE response_id = $1`, e.ResponseID).Scan(&body)
		switch i % 50 {
		case 17:
			require.NoError(t, err)
			require.NoError(t, results[i])
			assert.Equal(t, "[refused by the database]", body)
		case 33:
			require.Error(t, err)
			require.Error(t, results[i])
		default:
			require.NoError(t, err, "row %d", i)
			require.NoError(t, results[i])
			assert.JSONEq(t, `{"ok":true}`, body)
		}
	}
}

func TestAPILogAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	store := openLog(t, db)
	_, err := db.Pool.Exec(t.Context(), `DROP VIEW sespan.api_log_full; DROP TABLE sespan.api_log CASCADE`)
	require.NoError(t, err)
	err = store.Insert(t.Context(), []apilog.Entry{logEntry()})
	assert.Equal(t, problem.Unavailable, problem.SlugOf(err), "a missing table is no fault of the row: %v", err)
}

// BenchmarkAPILog writes rows from many callers; ns/op is the time per row.
func BenchmarkAPILog(b *testing.B) {
	db := pgtest.NewDB(b)
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			pool, err := postgres.Open(b.Context(), postgres.Options{URL: db.URL, MaxConns: 2})
			require.NoError(b, err)
			defer pool.Close()
			logger := apilog.New(postgres.NewAPILog(pool), apilog.Options{Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
			defer logger.Close()
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := logger.Write(b.Context(), logEntry()); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
