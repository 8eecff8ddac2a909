package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"sespan/internal/apilog"
)

// requestContext is what the layers of one request share: the outermost middleware makes
// it, the inner ones fill it in, and the log and the metrics read it at the end.
type requestContext struct {
	responseID  uuid.UUID
	requested   time.Time
	logger      *slog.Logger
	clientIP    netip.Addr         // of the socket; corrected by a trusted proxy or a service key
	visitor     netip.Addr         // whom a service key names as the visitor; the zero value for nobody
	route       string             // path template of the matched operation, "" for none
	requestType apilog.RequestType // "" for what is not logged
	known       bool               // a key, a token or a signature came with the request and was found valid
	quota       string             // whose share of the log's rows the call counts in; "" for none
	keep        bool               // its row is stored to the end
	customerID  *int64             // whom the call was about
	outcome     apilog.Outcome     // set by a handler that knows better than the status
	details     string             // slug of the problem, or a login's detail
	badBody     bool               // the body could not be read because of what was sent
	endLimit    func()             // ends the limit of the request's time, for a stream; nil outside of a request
	streamed    time.Time          // when the answer became a stream
	throttle    *throttle          // nil outside of a request
}

type requestContextKey struct{}

// requestContextOf gives the request's own; outside of one (tests of a single handler)
// an empty one, so that no caller has to check.
func requestContextOf(ctx context.Context) *requestContext {
	if c, ok := ctx.Value(requestContextKey{}).(*requestContext); ok {
		return c
	}
	return &requestContext{logger: slog.New(slog.DiscardHandler)}
}

// withRequestID is the outermost middleware: it gives the request its id and its time.
func withRequestID(clock func() time.Time, logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &requestContext{responseID: newResponseID(), requested: clock(), logger: logger, clientIP: socketIP(r.RemoteAddr)}
		h := w.Header()
		h.Set("X-Response-Id", c.responseID.String())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestContextKey{}, c)))
	})
}

// newResponseID gives a version 7 UUID: it starts with the time, so the row of the
// API log, whose key is the time, is found by its id alone.
func newResponseID() uuid.UUID {
	if id, err := uuid.NewV7(); err == nil {
		return id
	}
	return uuid.New() // unreachable: the random source aborts the program before it fails
}

func socketIP(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// recordOperation records which operation the router chose.
func recordOperation(ctx huma.Context, next func(huma.Context)) {
	c, op := requestContextOf(ctx.Context()), ctx.Operation()
	c.route = op.Path
	c.requestType, _ = op.Metadata[metaRequestType].(apilog.RequestType)
	next(ctx)
}
