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

// call is what the layers of one request share: the outermost middleware makes
// it, the inner ones fill it in, and the log and the metrics read it at the end.
type call struct {
	responseID  uuid.UUID
	requested   time.Time
	logger      *slog.Logger
	clientIP    netip.Addr         // of the socket; corrected by a trusted proxy or a service key
	route       string             // path template of the matched operation, "" for none
	requestType apilog.RequestType // "" for what is not logged
	keyed       bool               // a valid service key came with the request
	customerID  *int64             // whom the call was about
	outcome     apilog.Outcome     // set by a handler that knows better than the status
	details     string             // slug of the problem, or a login's detail
	brokenBody  bool               // the body could not be read, and the caller is to blame
}

type callKey struct{}

// callOf gives the request's call; outside of one (tests of a single handler) an
// empty call, so that no caller has to check.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{logger: slog.New(slog.DiscardHandler)}
}

// begin is the outermost middleware: it gives the request its id and its time.
func begin(clock func() time.Time, logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{responseID: newResponseID(), requested: clock(), logger: logger, clientIP: socketIP(r.RemoteAddr)}
		h := w.Header()
		h.Set("X-Response-Id", c.responseID.String())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
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

// identify notes which operation the router chose.
func identify(ctx huma.Context, next func(huma.Context)) {
	c, op := callOf(ctx.Context()), ctx.Operation()
	c.route = op.Path
	c.requestType, _ = op.Metadata[metaRequestType].(apilog.RequestType)
	next(ctx)
}
