// Package tracing sends OpenTelemetry spans to a collector, by OTLP over HTTP, when the
// standard environment variables (OTEL_…) name one. Without them there is no tracer:
// the adapters get nil and begin no spans.
//
//	request ─▶ span of httpapi ─▶ spans of postgres ─▶ traceparent in mail_message ─▶ span of smtp
//	 traceparent of the caller                          (another process, later)        │
//	                          queue of 2,048 spans, then dropped ◀── End() ◀────────────┘
//	                          └▶ batches, by a goroutine of their own ─▶ collector
//
// Nobody waits for the collector: a span that finds the queue full is dropped, and a
// stop waits for the last batch a second at most. The adapters begin the spans with the
// API of OpenTelemetry alone (go.opentelemetry.io/otel/trace); its SDK is imported here.
package tracing
