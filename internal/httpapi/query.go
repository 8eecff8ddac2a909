package httpapi

import (
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/problem"
)

// plainQuery is a huma middleware: a query parameter is given once and has a value.
// huma alone takes the first of several, and an empty one for none, so that a filter
// which a caller got wrong would be no filter.
func plainQuery(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	if r.URL.RawQuery == "" {
		next(ctx)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // huma would overlook a broken pair
		respond(w, r, problem.New(problem.BadRequest, "The query is not well-formed.").AtField("query"))
		return
	}
	for _, p := range ctx.Operation().Parameters {
		values := query[p.Name]
		if p.In != "query" || len(values) == 0 {
			continue
		}
		if len(values) > 1 || values[0] == "" {
			refuseQuery(w, r, p.Name, len(values))
			return
		}
	}
	next(ctx)
}

func refuseQuery(w http.ResponseWriter, r *http.Request, name string, times int) {
	detail := "Leave the parameter out, or give it a value."
	if times > 1 {
		detail = "Give the parameter once."
	}
	respond(w, r, problem.New(problem.Invalid, detail).AtField("query."+name))
}
