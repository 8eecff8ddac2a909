package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	serviceName = "sespan"
	stopGrace   = time.Second // for the last batch
	cutGrace    = 100 * time.Millisecond
	maxValue    = 1 << 10 // bytes of an attribute, where the environment gives no limit
)

// Options of the tracing.
type Options struct {
	Version    string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Getenv     func(string) string // nil: os.Getenv; the SDK itself reads the environment of the process
}

// Tracing is the tracer and its way to the collector; nil is a valid one that is off.
type Tracing struct {
	provider *sdk.TracerProvider
	exporter sdk.SpanExporter
}

// Open reads the environment; nil without an error says that it names no collector. It
// connects nowhere yet. The error is a *SettingError.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	m := newMetrics(o.Registerer)
	on, err := enabled(getenv)
	if err != nil || !on {
		return nil, err
	}
	otlp, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, &SettingError{varEndpoint, "cannot be used: " + err.Error(), "name a collector such as http://127.0.0.1:4318"}
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", o.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, &SettingError{varResource, "cannot be used: " + err.Error(), "write it as name=value,name=value"}
	}
	return New(&reportingExporter{SpanExporter: otlp, logger: o.Logger, metrics: m, now: time.Now}, about), nil
}

// New makes the tracing around an exporter; the environment chooses the sampler.
func New(exporter sdk.SpanExporter, about *resource.Resource) *Tracing {
	limits := sdk.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxValue
	}
	return &Tracing{
		exporter: exporter,
		provider: sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithRawSpanLimits(limits)),
	}
}

// Tracer begins the spans; nil while tracing is off.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("sespan")
}

// Close sends what is left, for a second at most, and ends.
func (t *Tracing) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		ending, cancel := context.WithTimeout(context.Background(), cutGrace)
		defer cancel()
		t.exporter.Shutdown(ending) //nolint:errcheck // it cuts what is under way
		return fmt.Errorf("the last traces were not sent: %w", err)
	}
	return nil
}
