package testbed

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes spans by OTLP over HTTP, as protobuf.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	came    chan struct{} // closed and renewed with each batch
	raw     bytes.Buffer  // all that came
	service string
	spans   []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{came: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Errorf("collector: %v", err)
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(r *http.Request) error {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var batch collect.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &batch); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	for _, resource := range batch.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				c.service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	close(c.came)
	c.came = make(chan struct{})
	return nil
}

// find waits for a span of the trace, "" for any, with the name.
func (c *collector) find(t *testing.T, traceID, name string) *tracepb.Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		c.mu.Lock()
		came := c.came
		var names []string
		for _, s := range c.spans {
			if traceID == "" || hex.EncodeToString(s.TraceId) == traceID {
				if names = append(names, s.Name); s.Name == name {
					c.mu.Unlock()
					return s
				}
			}
		}
		c.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
			t.Fatalf("no span %q in trace %s, only %q", name, traceID, names)
		}
	}
}

// text is all that came, as bytes.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// attributes of a span, as text.
func attributes(s *tracepb.Span) map[string]string {
	found := map[string]string{}
	for _, a := range s.Attributes {
		found[a.Key] = a.Value.GetStringValue()
		if found[a.Key] == "" {
			found[a.Key] = a.Value.String()
		}
	}
	return found
}
