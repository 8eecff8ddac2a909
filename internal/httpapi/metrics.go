package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/apilog"
)

// nothing stands for the request type and the route of what is no call of the API.
const nothing = "none"

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_http_requests_total", Help: "Requests on the public port.",
		}, []string{"request_type", "route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sespan_http_request_duration_seconds", Help: "From the request's header to its answer, the API log's commit included; of a stream, to its first byte.",
			Buckets:                     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"request_type", "route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_http_requests_in_flight", Help: "Requests on the public port that have no answer yet.",
		}),
	}
	reg.MustRegister(m.requests, m.duration, m.inFlight)
	return m
}

// expect makes the series of all answers that the API documents, so that the first one
// of each is seen as an increase.
func (m *metrics) expect(api *huma.OpenAPI) {
	for path, item := range api.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		} {
			if op == nil {
				continue
			}
			kind, _ := op.Metadata[metaRequestType].(apilog.RequestType)
			m.duration.WithLabelValues(string(kind), path, method)
			for code := range op.Responses {
				m.requests.WithLabelValues(string(kind), path, method, code)
			}
		}
	}
	m.duration.WithLabelValues(nothing, nothing, "other")
	m.requests.WithLabelValues(nothing, nothing, "other", strconv.Itoa(http.StatusNotFound))
}

// statusWriter remembers the status for the metrics.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (m *metrics) measure(clock func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		c := requestContextOf(r.Context())
		kind, route, method := string(c.requestType), c.route, r.Method
		if route == "" { // nothing matched: the caller must not choose our labels
			kind, route, method = nothing, nothing, "other"
		}
		m.requests.WithLabelValues(kind, route, method, strconv.Itoa(sw.status)).Inc()
		answered := clock()
		if !c.streamed.IsZero() {
			answered = c.streamed
		}
		m.duration.WithLabelValues(kind, route, method).Observe(answered.Sub(c.requested).Seconds())
	})
}
