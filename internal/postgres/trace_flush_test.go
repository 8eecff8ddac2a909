package postgres

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/groupcommit"
)

func newTracer() (trace.Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test"), spans
}

// queued tells when its call waits for the flush.
type queued struct {
	context.Context
	waits chan<- struct{}
}

func (q queued) Done() <-chan struct{} {
	q.waits <- struct{}{}
	return q.Context.Done()
}

// Calls that share a flush share its span: it is in the trace of the first that is traced,
// and linked with the others.
func TestAFlushIsLinkedWithTheTracesOfItsCallers(t *testing.T) {
	t.Parallel()
	tracer, spans := newTracer()
	pool := &Pool{tracer: tracer}
	const calls = 6
	begun, release := make(chan struct{}), make(chan struct{})
	batches := 0
	c := groupcommit.New(func(ctx context.Context, items []int) ([]int, error) {
		if batches++; batches == 1 {
			close(begun)
			<-release
		}
		_, end := pool.flush(ctx, "draw")
		end(nil)
		return items, nil
	}, 1, calls, calls)
	results, waits := make(chan error, calls+1), make(chan struct{}, calls)
	do := func(ctx context.Context) {
		_, err := c.Do(ctx, 0)
		results <- err
	}
	go do(t.Context()) // not traced: its flush has no span
	<-begun
	want := map[trace.SpanID]bool{}
	for range calls {
		ctx, span := tracer.Start(t.Context(), "request")
		want[span.SpanContext().SpanID()] = true
		go do(queued{ctx, waits})
	}
	for range calls {
		<-waits
	}
	close(release)
	for range calls + 1 {
		require.NoError(t, <-results)
	}
	c.Close()
	got := map[trace.SpanID]bool{}
	for _, flush := range spans.Ended() {
		got[flush.Parent().SpanID()] = true
		for _, link := range flush.Links() {
			got[link.SpanContext.SpanID()] = true
		}
	}
	require.Equal(t, want, got)
	require.Len(t, spans.Ended(), 1)
}

func TestStatementNames(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"-- name: OTPState :one\nSELECT 'x'": "OTPState", "begin isolation level read committed": "begin", "commit": "commit", "savepoint sespan": "savepoint", "": "",
	} {
		require.Equal(t, want, statementName(sql))
	}
}
