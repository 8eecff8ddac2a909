package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/groupcommit"
)

// mostLogged is how many response ids a line holds that belongs to many requests.
const mostLogged = 10

// LogResponseID adds to a line of the log which request it belongs to, or which ones
// where it is of a flush that several wait for.
func LogResponseID(ctx context.Context, line *slog.Record) {
	if c, ok := ctx.Value(requestContextKey{}).(*requestContext); ok {
		line.AddAttrs(slog.String("response_id", c.responseID.String()))
		return
	}
	var ids []string
	for _, caller := range groupcommit.Callers(ctx) {
		if c, ok := caller.Value(requestContextKey{}).(*requestContext); ok && len(ids) < mostLogged {
			ids = append(ids, c.responseID.String())
		}
	}
	switch len(ids) {
	case 0:
	case 1:
		line.AddAttrs(slog.String("response_id", ids[0]))
	default:
		line.AddAttrs(slog.Any("response_ids", ids))
	}
}

// maxTraceHeader is the longest tracestate that others must take (W3C Trace Context, 3.3.1.5);
// a traceparent has 55 characters.
const maxTraceHeader = 512

// traceHeaders are the headers of a caller's trace. Anybody may send them: one that is too
// long or comes twice is none, and the propagator drops what is malformed.
type traceHeaders http.Header

// Get implements propagation.TextMapCarrier.
func (h traceHeaders) Get(name string) string {
	values := http.Header(h).Values(name)
	if len(values) != 1 || len(values[0]) > maxTraceHeader {
		return ""
	}
	return values[0]
}

// Set implements propagation.TextMapCarrier.
func (traceHeaders) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (traceHeaders) Keys() []string { return nil }

// traced gives each request a span, in the caller's trace where one came along. Nothing
// that a caller wrote is in it: neither path nor query, address or browser, and no baggage.
func traced(tracer trace.Tracer, next http.Handler) http.Handler {
	if tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := requestContextOf(r.Context())
		ctx := propagation.TraceContext{}.Extract(r.Context(), traceHeaders(r.Header))
		ctx, span := tracer.Start(ctx, "HTTP", trace.WithSpanKind(trace.SpanKindServer))
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			describeSpan(span, c, r.Method, sw.status)
			span.End()
		}()
		next.ServeHTTP(sw, r.WithContext(ctx))
	})
}

// describeSpan names the span as the semantic conventions for HTTP do.
func describeSpan(span trace.Span, c *requestContext, method string, status int) {
	if !span.IsRecording() {
		return
	}
	kind := string(c.requestType)
	if c.route == "" { // nothing matched: the caller must not choose our names
		method, kind = "_OTHER", "none"
	} else {
		span.SetName(method + " " + c.route)
	}
	span.SetAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", c.route),
		attribute.Int("http.response.status_code", status),
		attribute.String("sespan.response_id", c.responseID.String()), attribute.String("sespan.request_type", kind),
	)
	if c.details != "" && status >= http.StatusBadRequest {
		span.SetAttributes(attribute.String("error.type", c.details))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}
