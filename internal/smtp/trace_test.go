package smtp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// A mail has a span for each relay that it was offered to, in the trace that it came with,
// whatever that looks like. A relay that quotes the address puts it into no span.
func TestEachRelayThatAMailIsOfferedToHasASpan(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	relay := smtptest.NewServer(t, smtptest.Options{Fault: func(turn smtptest.Turn) smtptest.Fault {
		if turn.Phase == smtptest.RCPT {
			return "550 5.1.1 <canary@example.org> is unknown here"
		}
		return ""
	}})
	r, err := NewRelays([]Config{relayAt(t, nowhere), relayAt(t, relay.Address)}, RelaysOptions{
		Tracer: sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test"), Pause: func(int) time.Duration { return time.Hour },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.Background())
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	envelope := mail.Envelope{From: "shop@example.com", Recipient: "canary@example.org", Data: []byte("Subject: canary\r\n\r\nx\r\n"), QueueID: 7, Trace: "00-" + traceID + "-b7ad6b7169203331-01"}
	if _, err := r.Send(t.Context(), envelope); err == nil {
		t.Fatal("the mail was taken")
	}
	for _, forged := range []string{"", "canary", strings.Repeat("canary", 10_000)} {
		envelope.Trace = forged
		if _, err := r.Send(t.Context(), envelope); err == nil {
			t.Fatal("the mail was taken")
		}
	}
	ended := spans.Ended()
	if len(ended) != 5 { // both relays, then the second alone: the first is out of service
		t.Fatalf("%d spans", len(ended))
	}
	for i, span := range ended {
		if in := span.SpanContext().TraceID().String() == traceID; in != (i < 2) || span.Status() != (sdk.Status{Code: codes.Error}) {
			t.Errorf("span %d: trace %s, status %v", i, span.SpanContext().TraceID(), span.Status())
		}
		if text := fmt.Sprint(span.Name(), span.Attributes(), span.Events()); strings.Contains(text, "canary") || strings.Contains(text, "example") {
			t.Errorf("of a person: %s", text)
		}
	}
	got := map[string]string{}
	for _, a := range ended[1].Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	if got["sespan.smtp.reply_code"] != "550" || got["sespan.smtp.enhanced_code"] != "5.1.1" || got["sespan.mail.outcome"] != "dead" || got["sespan.queue_id"] != "7" {
		t.Errorf("attributes of the refusal: %v", got)
	}
}
