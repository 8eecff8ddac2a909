package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/groupcommit"
)

// querySpans gives each round trip of a request that is traced a span with the names of
// its statements: never their text, parameters or the server's words, which quote them.
// What no request waits for (claims, maintenance) has no span.
type querySpans struct{ tracer trace.Tracer }

var _ interface {
	pgx.QueryTracer
	pgx.BatchTracer
} = querySpans{}

// TraceQueryStart implements pgx.QueryTracer.
func (t querySpans) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	return t.start(ctx, []string{statementName(data.SQL)})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (querySpans) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	endQuery(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (t querySpans) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	names := make([]string, len(data.Batch.QueuedQueries))
	for i, q := range data.Batch.QueuedQueries {
		names[i] = statementName(q.SQL)
	}
	return t.start(ctx, names)
}

// TraceBatchQuery implements pgx.BatchTracer; the batch has one span.
func (querySpans) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (querySpans) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	endQuery(ctx, data.Err)
}

type querySpanKey struct{}

func (t querySpans) start(ctx context.Context, names []string) context.Context {
	ctx, span := t.tracer.Start(ctx, "postgres "+names[len(names)-1], trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "postgresql"), attribute.String("db.query.summary", strings.Join(names, " ")),
	))
	return context.WithValue(ctx, querySpanKey{}, span)
}

// endQuery ends the span that start began, none where it did not.
func endQuery(ctx context.Context, err error) {
	span, ok := ctx.Value(querySpanKey{}).(trace.Span)
	if !ok {
		return
	}
	setError(span, err)
	span.End()
}

// setError keeps the SQLSTATE, or the kind of error.
func setError(span trace.Span, err error) {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		span.SetAttributes(attribute.String("db.response.status_code", pe.Code), attribute.String("error.type", pe.Code))
	} else {
		span.SetAttributes(attribute.String("error.type", fmt.Sprintf("%T", err)))
	}
	span.SetStatus(codes.Error, "")
}

// statementName is the name that sqlc's statements begin with, else the first word.
func statementName(sql string) string {
	sql, _ = strings.CutPrefix(sql, "-- name: ")
	end := strings.IndexFunc(sql, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		return sql
	}
	return sql[:end]
}

// flush begins the span of a group commit: in the trace of the first caller that is
// traced, linked with those of the others. end ends it.
func (p *Pool) flush(ctx context.Context, name string) (_ context.Context, end func(error)) {
	if p.tracer == nil {
		return ctx, func(error) {}
	}
	var parent trace.SpanContext
	var links []trace.Link
	callers := groupcommit.Callers(ctx)
	for _, caller := range callers {
		switch s := trace.SpanContextFromContext(caller); {
		case !s.IsSampled():
		case !parent.IsValid():
			parent = s
		default:
			links = append(links, trace.Link{SpanContext: s})
		}
	}
	if !parent.IsValid() {
		return ctx, func(error) {}
	}
	ctx, span := p.tracer.Start(trace.ContextWithSpanContext(ctx, parent), name,
		trace.WithLinks(links...), trace.WithAttributes(attribute.Int("sespan.calls", len(callers))))
	return ctx, func(err error) {
		setError(span, err)
		span.End()
	}
}

// traceparent names the trace of a call for what is stored (W3C Trace Context, 3.2); nil
// for none.
func traceparent(ctx context.Context) *string {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() {
		return nil
	}
	text := fmt.Sprintf("00-%s-%s-%s", s.TraceID(), s.SpanID(), s.TraceFlags())
	return &text
}
