package httpapi

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/access"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const parentID = "0af7651916cd43dd8448eb211c80319c"

// newTraced is the API with a recorder of its spans.
func newTraced(t *testing.T) (*site, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test")
	var tiers lateTiers
	s := newSite(t, func(d *Deps) { d.Tracer, d.Tiers = tracer, &tiers }, nil)
	tiers.Tiers = transaction.NewTiers(postgres.NewTiers(s.pool("tiers", 1)), 2)
	return s, spans
}

func TestARequestHasASpanInItsCallersTrace(t *testing.T) {
	t.Parallel()
	s, spans := newTraced(t)
	a := s.call("GET", "/v1/tiers?canary", "", "Authorization", "Bearer "+s.key(access.RoleReport),
		"traceparent", "00-"+parentID+"-b7ad6b7169203331-01", "tracestate", "vendor=opaque")
	require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
	ended := spans.Ended()
	require.Len(t, ended, 1)
	span := ended[0]
	require.Equal(t, "GET /v1/tiers", span.Name())
	require.Equal(t, parentID, span.SpanContext().TraceID().String())
	require.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
	require.Equal(t, "vendor=opaque", span.SpanContext().TraceState().String())
	require.Equal(t, trace.SpanKindServer, span.SpanKind())
	got := map[string]string{}
	for _, attribute := range span.Attributes() {
		got[string(attribute.Key)] = attribute.Value.String()
	}
	require.Equal(t, map[string]string{
		"http.request.method": "GET", "http.route": "/v1/tiers", "http.response.status_code": "422", "error.type": "invalid",
		"sespan.response_id": a.header.Get("X-Response-Id"), "sespan.request_type": "Admin",
	}, got)
}

// Forged headers of a trace change nothing but the trace: it is a new one, and nothing of
// them is in a span or in the API log.
func TestForgedTraceHeadersAreDropped(t *testing.T) {
	t.Parallel()
	s, spans := newTraced(t)
	key := "Bearer " + s.key(access.RoleReport)
	good := "00-" + parentID + "-b7ad6b7169203331-01"
	for name, header := range map[string][]string{
		"no form":         {"traceparent", "canary"},
		"a later version": {"traceparent", "ff-" + parentID + "-b7ad6b7169203331-01"},
		"zeros":           {"traceparent", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"},
		"too long":        {"traceparent", good + "-canary"},
		"upper case":      {"traceparent", strings.ToUpper(good)},
		"twice":           {"traceparent", good, "traceparent", good},
		"huge":            {"traceparent", strings.Repeat("canary", 1000)},
		"sql":             {"traceparent", "00-'; DROP TABLE canary; --"},
	} {
		before := len(spans.Ended())
		a := s.call("GET", "/v1/tiers", "", append([]string{"Authorization", key, "tracestate", strings.Repeat("canary=x,", 500), "baggage", "person=canary"}, header...)...)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
		span := spans.Ended()[before]
		require.False(t, span.Parent().IsValid(), name)
		require.NotEqual(t, parentID, span.SpanContext().TraceID().String(), name)
		require.Empty(t, span.SpanContext().TraceState().String(), name)
		require.NotContains(t, s.row(a).RequestHeader, "canary", name)
	}
}

// What matches no route must not name spans.
func TestACallerNamesNoSpan(t *testing.T) {
	t.Parallel()
	s, spans := newTraced(t)
	s.call("GET", "/canary", "")
	s.call("POST", "/v1/tiers", "{", "Authorization", "Bearer canary")
	ended := spans.Ended()
	require.Len(t, ended, 2)
	require.Equal(t, "HTTP", ended[0].Name())
	require.Equal(t, "POST /v1/tiers", ended[1].Name())
}

func TestAPreflightAllowsTheHeadersOfATrace(t *testing.T) {
	t.Parallel()
	const shop = "https://shop.example"
	s := newSite(t, func(d *Deps) { d.AllowedOrigins = []string{shop} }, nil)
	a := s.call("OPTIONS", drawPath, "", "Origin", shop, "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,baggage,content-type,traceparent,tracestate")
	require.Equal(t, shop, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,baggage,content-type,traceparent,tracestate", a.header.Get("Access-Control-Allow-Headers"))
}

// Without a tracer the chain is the one without traces.
func TestWithoutATracerNothingIsAdded(t *testing.T) {
	t.Parallel()
	next := http.NewServeMux()
	require.Same(t, next, traced(nil, next))
}

// What a span costs a request; off is the price of tracing for those who do not trace.
func BenchmarkTraced(b *testing.B) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestContextOf(r.Context()).route = "/v1/tiers"
		w.WriteHeader(http.StatusOK)
	})
	tracer := func(sampler sdk.Sampler) trace.Tracer {
		return sdk.NewTracerProvider(sdk.WithSampler(sampler)).Tracer("bench")
	}
	for name, tracer := range map[string]trace.Tracer{"off": nil, "not sampled": tracer(sdk.NeverSample()), "sampled": tracer(sdk.AlwaysSample())} {
		b.Run(name, func(b *testing.B) {
			h := withRequestID(time.Now, slog.New(slog.DiscardHandler), traced(tracer, next))
			request := httptest.NewRequest(http.MethodGet, "/v1/tiers", nil)
			request.Header.Set("traceparent", "00-"+parentID+"-b7ad6b7169203331-01")
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
