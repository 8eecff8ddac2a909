package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
)

// Keys of huma.Operation.Metadata.
const (
	metaRequestType = "request_type" // apilog.RequestType
	metaAllow       = "allow"        // []access.Role; the middleware of access.go enforces it
)

const (
	maxBodyBytes    = 64 << 10
	bodyReadTimeout = 5 * time.Second
)

// operation describes one call. Every call names who may make it: an operation
// without roles is refused to everybody.
func operation(t apilog.RequestType, method, path, id, summary string, status int, allow ...access.Role) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		DefaultStatus: status, Tags: []string{string(t)},
		MaxBodyBytes: maxBodyBytes, BodyReadTimeout: bodyReadTimeout,
		RejectUnknownQueryParameters: true,
		Security:                     security(allow),
		Metadata:                     map[string]any{metaRequestType: t, metaAllow: allow},
	}
}

func security(allow []access.Role) []map[string][]string {
	schemes := []map[string][]string{}
	for _, r := range allow {
		if r == access.RoleCustomer {
			schemes = append(schemes, map[string][]string{"customerToken": {}})
		}
	}
	if len(schemes) < len(allow) {
		schemes = append(schemes, map[string][]string{"serviceKey": {}})
	}
	return schemes
}

// describe replaces the description; it keeps the operation tables short.
func describe(op huma.Operation, text string) huma.Operation {
	op.Description = text
	return op
}

// common are the problems that any call may end in.
var common = [...]int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// register adds the operation. The handler's errors become problem documents;
// problems are the statuses it answers beyond the common ones.
func register[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error), problems ...int) {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[document](), true, "Problem")
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	for _, status := range append(common[:], problems...) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemMediaType: {Schema: schema}},
		}
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, documentOf(ctx, err)
		}
		return out, nil
	})
}

// also documents a second success status, such as 200 beside 201, with the body
// schema of the first.
func also(api huma.API, op huma.Operation, status int, description string) {
	item := api.OpenAPI().Paths[op.Path]
	for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
		if o == nil || o.OperationID != op.OperationID {
			continue
		}
		first := o.Responses[strconv.Itoa(op.DefaultStatus)]
		o.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: description, Content: first.Content, Headers: first.Headers,
		}
	}
}
