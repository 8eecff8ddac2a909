package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"
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
	metaByStaff     = "by-staff"     // bool: people alone, never a key of whatever role
)

const (
	maxBodyBytes    = 64 << 10
	maxEventBytes   = 512 << 10 // of delivery events: 500 with the servers' words, or a message of Amazon SNS
	bodyReadTimeout = 5 * time.Second
)

const mailEventsPath = "/v1/mail/events"

// bodyLimit is the largest body that a path takes.
func bodyLimit(path string) int64 {
	if path == mailEventsPath {
		return maxEventBytes
	}
	return maxBodyBytes
}

// operation describes one call. Every call names who may make it: an operation
// without roles is refused to everybody.
func operation(t apilog.RequestType, method, path, id, summary string, status int, allow ...access.Role) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		DefaultStatus: status, Tags: []string{string(t)},
		MaxBodyBytes: bodyLimit(path), BodyReadTimeout: bodyReadTimeout,
		RejectUnknownQueryParameters: true,
		Security:                     security(allow),
		Metadata:                     map[string]any{metaRequestType: t, metaAllow: allow},
	}
}

func security(allow []access.Role) []map[string][]string {
	schemes := []map[string][]string{}
	customers, keys, people := false, false, false
	for _, r := range allow {
		customers = customers || r == access.RoleCustomer
		keys = keys || r != access.RoleCustomer
		people = people || r != access.RoleCustomer && r != access.RoleService
	}
	for _, scheme := range []struct {
		name string
		may  bool
	}{{"customerToken", customers}, {"serviceKey", keys}, {"staffToken", people}} {
		if scheme.may {
			schemes = append(schemes, map[string][]string{scheme.name: {}})
		}
	}
	return schemes
}

// byStaff closes an operation to keys: people alone may call it, with a staff token.
func byStaff(op huma.Operation) huma.Operation {
	op.Metadata[metaByStaff] = true
	op.Security = []map[string][]string{{"staffToken": {}}}
	return op
}

// describe replaces the description; it keeps the operation tables short.
func describe(op huma.Operation, text string) huma.Operation {
	op.Description = text
	return op
}

// commonStatuses are of the problems that any call may end in.
var commonStatuses = [...]int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// register adds the operation. The handler's errors become problem documents;
// problems are the statuses it answers beyond the common ones.
func register[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error), problems ...int) {
	schema := problemSchema(api.OpenAPI().Components.Schemas)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	for _, status := range append(commonStatuses[:], problems...) {
		answer := &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemMediaType: {Schema: schema}},
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			answer.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Whole seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger},
			}}
		}
		op.Responses[strconv.Itoa(status)] = answer
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, documentOf(ctx, err)
		}
		return out, nil
	})
	if o := documentedOperation(api, op); o.RequestBody != nil {
		for _, content := range o.RequestBody.Content {
			allowNull(api.OpenAPI().Components.Schemas, content.Schema)
		}
	}
}

// allowNull documents what the validation does: a property that may be left out
// may as well be null.
func allowNull(schemas huma.Registry, s *huma.Schema) {
	if s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	for name, property := range s.Properties {
		if slices.Contains(s.Required, name) {
			if property.Items != nil {
				allowNull(schemas, property.Items)
			}
			continue
		}
		property.Nullable = property.OneOf == nil
		if property.OneOf != nil {
			property.OneOf[0].Nullable = true
		}
	}
}

// documentedOperation finds an operation in the document.
func documentedOperation(api huma.API, op huma.Operation) *huma.Operation {
	item := api.OpenAPI().Paths[op.Path]
	for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
		if o != nil && o.OperationID == op.OperationID {
			return o
		}
	}
	return &huma.Operation{}
}

// problemSchema is the schema of problem documents. It is open: what a problem
// tells beyond the standard members stands beside them (RFC 9457, 3.2).
func problemSchema(schemas huma.Registry) *huma.Schema {
	const name = "Problem"
	if schemas.Map()[name] == nil {
		s := huma.SchemaFromType(schemas, reflect.TypeFor[document]())
		s.AdditionalProperties = true
		s.Properties["attempts_left"] = &huma.Schema{Type: huma.TypeInteger, Description: "Of otp-incorrect: wrong codes that the challenge still allows."}
		s.Properties["correct"] = &huma.Schema{Type: huma.TypeBoolean, Description: "Of otp-used, of a code that verified its challenge within ten minutes: whether this is that code, sent twice."}
		s.Properties["tier_id"] = &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: "Of tier-overlap: the tier that stands there."}
		schemas.Map()[name] = s
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// addResponse documents a second success status, such as 200 beside 201, with the body
// schema of the first.
func addResponse(api huma.API, op huma.Operation, status int, description string) {
	o := documentedOperation(api, op)
	first := o.Responses[strconv.Itoa(op.DefaultStatus)]
	o.Responses[strconv.Itoa(status)] = &huma.Response{
		Description: description, Content: first.Content, Headers: first.Headers,
	}
}
