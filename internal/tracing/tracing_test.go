package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// Without a collector there is nothing: no tracer, no goroutine (TestMain looks).
func TestItIsOffUntilACollectorIsNamed(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string]map[string]string{
		"nothing is set":    {},
		"only the name":     {"OTEL_SERVICE_NAME": "shop", "OTEL_TRACES_SAMPLER": "nonsense"},
		"disabled":          {varEndpoint: "http://127.0.0.1:4318", varDisabled: "TRUE"},
		"another exporter":  {varTracesEndpoint: "http://127.0.0.1:4318", varExporter: "none"},
		"an empty endpoint": {varEndpoint: " "},
	} {
		traces, err := Open(t.Context(), Options{Getenv: env(pairs), Registerer: prometheus.NewRegistry()})
		if err != nil || traces != nil || traces.Tracer() != nil || traces.Close() != nil {
			t.Errorf("%s: %v, %v", name, traces, err)
		}
	}
}

func TestAWrongVariableStopsTheStart(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for variable, value := range map[string]string{
		varEndpoint: "127.0.0.1:4318", varTracesEndpoint: "grpc://127.0.0.1:4317", varExporter: "zipkin", varSampler: "sometimes",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_CERTIFICATE": empty,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY": empty + ".none", varSamplerArg: "NaN",
	} {
		pairs := map[string]string{varEndpoint: "http://127.0.0.1:4318", varSampler: "traceidratio"}
		maps.Copy(pairs, map[string]string{variable: value})
		_, err := Open(t.Context(), Options{Getenv: env(pairs), Registerer: prometheus.NewRegistry()})
		if wrong, ok := errors.AsType[*SettingError](err); !ok || wrong.Variable != variable || wrong.Hint == "" {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
	}
}

// brokenExporter fails while fail is set.
type brokenExporter struct {
	*tracetest.InMemoryExporter
	fail error
}

func (e *brokenExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if e.fail != nil {
		return e.fail
	}
	return e.InMemoryExporter.ExportSpans(ctx, spans)
}

// A collector that fails is counted at once and logged once a minute, in few words.
func TestFailuresAreCountedAndLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	broken := &brokenExporter{tracetest.NewInMemoryExporter(), errors.New(strings.Repeat("words\n", 1000))}
	now := time.Now()
	m := newMetrics(prometheus.NewRegistry())
	exporter := &reportingExporter{SpanExporter: broken, logger: slog.New(slog.NewTextHandler(&log, nil)), metrics: m, now: func() time.Time { return now }}
	traces := New(exporter, resource.Empty())
	send := func() {
		t.Helper()
		_, span := traces.Tracer().Start(t.Context(), "x")
		span.End()
		if err := traces.provider.ForceFlush(t.Context()); err != nil {
			t.Errorf("the SDK has seen %v", err)
		}
	}
	lines := func(want int) {
		t.Helper()
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("%d lines, want %d: %s", got, want, log.String())
		}
	}
	send()
	send()
	lines(1)
	now = now.Add(reportEvery)
	send()
	lines(2)
	broken.fail = nil
	send()
	lines(3)
	if lost, sent := testutil.ToFloat64(m.spans.WithLabelValues("lost")), testutil.ToFloat64(m.spans.WithLabelValues("sent")); lost != 3 || sent != 1 || log.Len() > 1200 {
		t.Errorf("lost %v, sent %v; %s", lost, sent, log.String())
	}
	if err := traces.Close(); err != nil {
		t.Error(err)
	}
}
