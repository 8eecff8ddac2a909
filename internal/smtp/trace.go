package smtp

import (
	"context"
	"net"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/mail"
)

// dialogueSpan is the span of one mail at one relay; nil where nothing is traced.
type dialogueSpan struct{ trace.Span }

// startSpan begins it in the trace of what enqueued the mail, which may have been another
// process, days ago. Addresses and the relay's words are not in it: they quote addresses.
func (r *Relays) startSpan(ctx context.Context, relay *guardedRelay, e *mail.Envelope) (context.Context, dialogueSpan) {
	if r.options.Tracer == nil {
		return ctx, dialogueSpan{}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": e.Trace})
	ctx, span := r.options.Tracer.Start(ctx, "smtp send", trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		host, port, _ := net.SplitHostPort(relay.Address())
		number, _ := strconv.Atoi(port)
		span.SetAttributes(attribute.String("server.address", host), attribute.Int("server.port", number),
			attribute.String("sespan.relay", relay.label), attribute.Int64("sespan.queue_id", e.QueueID))
		e.Begin = begun(span, e.Begin)
	}
	return ctx, dialogueSpan{span}
}

// begun notes when the wait for a connection was over.
func begun(span trace.Span, begin func() error) func() error {
	return func() error {
		span.AddEvent("connection at hand")
		if begin == nil {
			return nil
		}
		return begin()
	}
}

// end notes the outcome: the code of the final reply, or why there is none.
func (s dialogueSpan) end(sent bool, failure *mail.SendError) {
	if s.Span == nil {
		return
	}
	switch {
	case sent:
		s.SetAttributes(attribute.Int("sespan.smtp.reply_code", 250), attribute.String("sespan.mail.outcome", resultSent))
	case failure != nil:
		s.SetAttributes(attribute.String("sespan.mail.outcome", string(failure.Verdict)), attribute.String("error.type", failure.Reason))
		if failure.Code != 0 {
			s.SetAttributes(attribute.Int("sespan.smtp.reply_code", failure.Code), attribute.String("sespan.smtp.enhanced_code", failure.Enhanced))
		}
		s.SetStatus(codes.Error, "")
	default:
		s.SetAttributes(attribute.String("sespan.mail.outcome", "not begun"))
	}
	s.End()
}
