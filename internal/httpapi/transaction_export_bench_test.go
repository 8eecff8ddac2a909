package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

// counter counts the lines that it is sent, and how much memory is in use meanwhile.
type counter struct {
	httptest.ResponseRecorder
	lines, pieces int
	heap          uint64
}

func (c *counter) Header() http.Header { return http.Header{} }
func (c *counter) WriteHeader(int)     {}
func (c *counter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte("\n"))
	if c.pieces++; c.pieces%50 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.heap = max(c.heap, m.HeapAlloc)
	}
	return len(p), nil
}

// BenchmarkExport exports half a million draws.
//
//	go test -run '^$' -bench Export -benchtime 1x ./internal/httpapi
func BenchmarkExport(b *testing.B) {
	db := pgtest.NewDB(b)
	db.Exec(b, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
		SELECT i % 50000 + 1, 'O-' || i, 'somebody', false, 10.50, 10.50, x.at, 1, (x.at AT TIME ZONE 'UTC')::date, '', 5
		FROM generate_series(1, 500000) i, LATERAL (SELECT now() - interval '1 day' + make_interval(secs => i / 100 * 0.001) AS at) x`)
	db.Exec(b, `VACUUM ANALYZE sespan.transaction_log`)
	pool, err := postgres.Open(b.Context(), postgres.Options{URL: db.URL})
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	h := newExportCalls(Deps{Exports: transaction.NewExports(postgres.NewRecords(pool)), Minor: 2, Logger: slog.New(slog.DiscardHandler)})
	for b.Loop() {
		began, out := time.Now(), &counter{}
		export, err := h.exports.Begin(context.Background(), transaction.Filter{From: time.Now().AddDate(0, 0, -30)})
		require.NoError(b, err)
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
		h.send(humamux.NewContext(&huma.Operation{}, r, out), export)
		require.Equal(b, 500_001, out.lines)
		b.ReportMetric(float64(out.lines)/time.Since(began).Seconds(), "rows/s")
		b.ReportMetric(float64(out.heap)/(1<<20), "MiB")
	}
}
