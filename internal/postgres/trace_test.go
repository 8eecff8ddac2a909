package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// A statement's span has its name and the SQLSTATE, and nothing of its text, parameters
// or the server's words.
func TestTheSpanOfAStatementHoldsNoParameter(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	spans := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test")
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: 1, Spans: tracer})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), "SELECT 1") // of no request: no span
	require.NoError(t, err)
	require.Empty(t, spans.Ended())
	ctx, request := tracer.Start(t.Context(), "request")
	_, err = pool.Exec(ctx, "-- name: CanaryFree :one\nSELECT $1::text::int", "canary")
	require.Error(t, err)
	require.Contains(t, err.Error(), "canary")
	ended := spans.Ended()
	require.NotEmpty(t, ended)
	span := ended[len(ended)-1]
	require.Equal(t, "postgres CanaryFree", span.Name())
	require.Equal(t, request.SpanContext().SpanID(), span.Parent().SpanID())
	require.Equal(t, sdk.Status{Code: codes.Error}, span.Status())
	require.Empty(t, span.Events())
	got := map[string]string{}
	for _, a := range span.Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{"db.system.name": "postgresql", "db.query.summary": "CanaryFree", "db.response.status_code": "22P02", "error.type": "22P02"}, got)
}

// Whoever enqueues a mail may name its trace; what has not the form is not stored, and
// refuses no mail.
func TestAMailKeepsItsTrace(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for given, want := range map[string]*string{
		good: new(good), "": nil, "canary": nil, good + "-x": nil, good + "\n": nil, strings.ToUpper(good): nil, strings.Repeat("0", 100_000): nil,
		"01" + good[2:]: nil, "00-" + strings.Repeat("0", 32) + good[35:]: nil, good[:36] + strings.Repeat("0", 16) + good[52:]: nil,
	} {
		var one, sealed, batch *string
		err := db.Pool.QueryRow(t.Context(), `
			WITH id AS MATERIALIZED (
			    SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', traceparent => $1) AS one,
			           sespan.mail_enqueue_sealed('a@b.co', 's', '\x01', 'otp', 1, NULL, $1) AS sealed,
			           (sespan.mail_enqueue_batch(jsonb_build_array(jsonb_build_object('recipient', 'a@b.co', 'body_text', 'x', 'traceparent', $1))))[1] AS batch
			)
			SELECT one::text, sealed::text, batch::text FROM id`, given).Scan(&one, &sealed, &batch)
		require.NoError(t, err)
		rows, err := db.Pool.Query(t.Context(), `SELECT traceparent FROM sespan.mail_message WHERE message_id::text = ANY ($1)`, []*string{one, sealed, batch})
		require.NoError(t, err)
		found := 0
		for ; rows.Next(); found++ {
			var stored *string
			require.NoError(t, rows.Scan(&stored))
			require.Equal(t, want, stored, given)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, 3, found)
	}
}
