package tracing

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	reportEvery = time.Minute // between two lines of a collector that fails
	maxReason   = 200         // bytes of its words
)

type metrics struct{ spans *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{spans: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_trace_spans_total", Help: "Spans that were given to the collector, by what came of it: sent or lost.",
	}, []string{"result"})}
	reg.MustRegister(m.spans)
	m.spans.WithLabelValues("sent")
	m.spans.WithLabelValues("lost")
	return m
}

// reportingExporter counts and logs failures, once a minute. It hides them from the
// SDK, which would print each to standard error.
type reportingExporter struct {
	sdk.SpanExporter
	logger   *slog.Logger
	metrics  *metrics
	now      func() time.Time
	reported time.Time // the SDK exports one batch at a time
	failing  bool
}

// ExportSpans implements sdk.SpanExporter.
func (e *reportingExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err == nil:
		e.metrics.spans.WithLabelValues("sent").Add(float64(len(spans)))
		if e.failing {
			e.logger.InfoContext(ctx, "tracing: the collector takes spans again")
		}
		e.failing, e.reported = false, time.Time{}
		return nil
	case e.now().Sub(e.reported) >= reportEvery:
		e.logger.WarnContext(ctx, "tracing: spans are lost, the collector did not take them", "spans", len(spans), "error", short(err))
		e.reported = e.now()
	}
	e.failing = true
	e.metrics.spans.WithLabelValues("lost").Add(float64(len(spans)))
	return nil
}

// short keeps one line: the error holds the words of the collector.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}
