package httpapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/problem"
)

// headAsGet answers HEAD wherever GET is answered, with the same header (RFC 9110,
// 9.3.2). net/http sends no body for a request that came as HEAD.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// plainBody is a huma middleware: it refuses a coded body, such as one of gzip, and says
// what is taken (RFC 9110, 12.5.3). A few bytes of gzip could be as many as memory holds.
func plainBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	if r.ContentLength != 0 && coded(r.Header.Values("Content-Encoding")) {
		w.Header().Set("Accept-Encoding", "identity")
		respond(w, r, problem.New(problem.UnsupportedMedia, "Send the body as it is, without a Content-Encoding.").AtField("header.Content-Encoding"))
		return
	}
	next(ctx)
}

func coded(encodings []string) bool {
	for coding := range strings.SplitSeq(strings.Join(encodings, ","), ",") {
		if c := strings.TrimSpace(coding); c != "" && !strings.EqualFold(c, "identity") {
			return true
		}
	}
	return false
}
