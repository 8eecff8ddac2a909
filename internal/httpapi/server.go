// Package httpapi is the public HTTP port: huma operations on gorilla/mux, one
// file per noun. A request passes, from the outside in:
//
//	request id ─▶ trace ─▶ metrics ─▶ cors ─▶ client ip ─▶ throttle counts ─▶ api log (waits for its commit)
//	           ─▶ recovery ─▶ limits
//	           ─▶ mux ─▶ huma: operation ─▶ throttle refuses ─▶ authenticate ─▶ form of a signature ─▶ room for the body
//	                     ─▶ validation, which reads the body ─▶ handler ─▶ domain service
//
// A body is read only when who sends it, and whether there is room for it, has been looked at.
// Failures anywhere become one problem document (problem.go).
package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/access"
	"sespan/internal/problem"
	"sespan/internal/secret"
	"sespan/internal/stats"
	"sespan/internal/transaction"
)

// Deps is what the API stands on; each service is a small interface declared in
// its noun's file.
type Deps struct {
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
	Tracer         trace.Tracer // nil: no spans
	Clock          func() time.Time
	Version        string
	AllowedOrigins []string
	TrustedProxies []netip.Prefix
	Timeout        time.Duration // of one request, from its header to its answer
	Keys           keyAuthenticator
	Tokens         tokenVerifier
	Log            apiLog // must not be nil
	Tiers          tierService
	Draws          drawService
	Records        recordService
	Exports        exportService
	Counts         stats.Reader
	Customers      stats.CustomerReader // nil: no sums by customer
	LogSearch      logSearch
	Audit          access.Auditor
	Zone           *time.Location    // SESPAN_TIME_ZONE; nil: UTC
	StreamStall    time.Duration     // [60 s] that a stream may wait for its reader
	Minor          transaction.Minor // decimals of the site's money
	Ring           *secret.Ring      // seals the cursors of lists
	OTP            otpService
	CustomerTables customerTables // nil: whatever a caller says of its table is believed
	MailEvents     mailEventService
	StaffKeys      staffKeyService
}

// Spec builds the API without anything behind it, for the OpenAPI document.
func Spec(version string) *huma.OpenAPI {
	api, _ := build(Deps{Version: version, Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.Default()})
	return api.OpenAPI()
}

// New gives the handler of the public port.
func New(d Deps) http.Handler {
	api, router := build(d)
	measured := newMetrics(d.Registerer)
	measured.expect(api.OpenAPI())
	return chain(d, measured, router)
}

// chain puts the middlewares round the router, the innermost first.
func chain(d Deps, measured *metrics, h http.Handler) http.Handler {
	h = headAsGet(h)
	h = limit(d.Timeout, h)
	h = recovery(d.Logger, h)
	h = besideDocument(h, logCalls(d.Log, d.Clock, h))
	h = (&throttle{clock: d.Clock}).counted(h)
	h = clientIP(d.TrustedProxies, h)
	h = crossOrigin(d.AllowedOrigins, h)
	h = measured.measure(d.Clock, h)
	h = traced(d.Tracer, h)
	return withRequestID(d.Clock, d.Logger, h)
}

// besideDocument gives the API's own description out as it is: it has no row of the log,
// and held back for one it would be some 300 KB for each reader, slow ones too.
func besideDocument(document, other http.Handler) http.Handler {
	document = refuseFloodElsewhere(document.ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/openapi") {
			document.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

func build(d Deps) (huma.API, *mux.Router) {
	// As they come: a cleaned path would be a redirect, and /v1%2ftiers would pass by
	// the rules of a proxy.
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	router.NotFoundHandler = refuseFloodElsewhere(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, problem.New(problem.NotFound, "The paths of this API stand in /openapi.json."))
	})
	router.MethodNotAllowedHandler = refuseFloodElsewhere(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(methodsAt(router, r), ", "))
		writeProblem(w, r, problem.New(problem.MethodNotAllowed, "The methods of each path stand in /openapi.json."))
	})
	api := huma.API(jsonAPI{humamux.New(router, apiConfig(d.Version))})
	api.UseMiddleware(recordOperation, refuseFlood, authenticate(d.Keys, d.Tokens), eventForm(d.MailEvents), plainBody, (&bodies{}).admit, plainQuery)
	registerOTP(api, d.OTP, d.CustomerTables)
	registerLogin(api, d.Registerer, d.CustomerTables)
	registerTier(api, d.Tiers, d.Minor)
	registerTransaction(api, d.Draws, d.Minor, d.CustomerTables)
	registerSummary(api, d) // before the record: the router takes the first path that fits
	registerRecord(api, d)
	registerStats(api, d)
	registerLogSearch(api, d)
	registerMailEvent(api, d.MailEvents)
	registerKey(api, d.StaffKeys, d.Clock)
	delete(api.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	return api, router
}

// methodsAt lists what the path of a request takes (RFC 9110, 15.5.6).
func methodsAt(router *mux.Router, r *http.Request) []string {
	var list []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := *r
		other.Method = method
		if m := (mux.RouteMatch{}); router.Match(&other, &m) && m.MatchErr == nil {
			list = append(list, method)
			if method == http.MethodGet {
				list = append(list, http.MethodHead)
			}
		}
	}
	return list
}

func apiConfig(version string) huma.Config {
	c := huma.DefaultConfig("Sespan", version)
	c.Info.Description = "E-mail codes, tiered discount draws and an API log beside a Django site on PostgreSQL."
	c.DocsPath = ""    // its page loads scripts from a CDN
	c.SchemasPath = "" // no $schema in bodies
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	c.Transformers = []huma.Transformer{rewriteErrors}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"serviceKey":    {Type: "http", Scheme: "bearer", BearerFormat: "sk_<id>_<secret>", Description: "A key of `sespan keys create`; its role decides what it may call."}, //nolint:gosec // describes keys, holds none
		"customerToken": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "EdDSA or ES256, aud sespan, minutes of life; sub, customer_table, order_ref and amount bind it to one order."},
		"staffToken":    {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "EdDSA or ES256, aud sespan, scope staff, minutes of life; sub and name are the person, roles what they may: admin, dashboard, report."},
	}
	return c
}
