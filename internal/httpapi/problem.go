package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/problem"
)

const (
	problemMediaType = "application/problem+json"
	problemURN       = "urn:sespan:problem:"
)

// statusOf is the one table from a problem's slug to HTTP: status and title.
var statusOf = map[problem.Slug]struct {
	status int
	title  string
}{
	problem.BadRequest:         {http.StatusBadRequest, "The request could not be read"},
	problem.Invalid:            {http.StatusUnprocessableEntity, "A value is not acceptable"},
	problem.Unauthorized:       {http.StatusUnauthorized, "A valid key or token is needed"},
	problem.Forbidden:          {http.StatusForbidden, "This key or token may not do that"},
	problem.NotFound:           {http.StatusNotFound, "There is nothing at this address"},
	problem.MethodNotAllowed:   {http.StatusMethodNotAllowed, "This address does not take that method"},
	problem.NotAcceptable:      {http.StatusNotAcceptable, "Answers are JSON"},
	problem.TooLarge:           {http.StatusRequestEntityTooLarge, "The body is too large"},
	problem.HeadersTooLarge:    {http.StatusRequestHeaderFieldsTooLarge, "The headers are too large"},
	problem.UnsupportedMedia:   {http.StatusUnsupportedMediaType, "The body must be application/json"},
	problem.Timeout:            {http.StatusRequestTimeout, "The request came too slowly"},
	problem.TooManyRequests:    {http.StatusTooManyRequests, "Too many requests"},
	problem.Unavailable:        {http.StatusServiceUnavailable, "The service cannot answer right now"},
	problem.Internal:           {http.StatusInternalServerError, "The service failed"},
	problem.UnknownCustomer:    {http.StatusNotFound, "No such customer"},
	problem.UnknownChallenge:   {http.StatusNotFound, "No such challenge"},
	problem.OTPIncorrect:       {http.StatusUnprocessableEntity, "The code is not correct"},
	problem.OTPExpired:         {http.StatusGone, "The code has expired"},
	problem.OTPUsed:            {http.StatusConflict, "The code has been used"},
	problem.OTPLocked:          {http.StatusTooManyRequests, "Too many wrong codes"},
	problem.OTPTooSoon:         {http.StatusTooManyRequests, "Too early for another code"},
	problem.ActivationRefused:  {http.StatusForbidden, "This account may not be activated"},
	problem.TokenMismatch:      {http.StatusForbidden, "The body differs from the token"},
	problem.OrderConflict:      {http.StatusConflict, "The order was drawn with another amount"},
	problem.UnknownTier:        {http.StatusNotFound, "No such tier"},
	problem.UnknownTransaction: {http.StatusNotFound, "No such transaction"},
	problem.ReportTooLarge:     {http.StatusServiceUnavailable, "The report takes too long"},
	problem.TooManyExports:     {http.StatusTooManyRequests, "Too many exports run at once"},
	problem.UnknownKey:         {http.StatusNotFound, "No such key"},
	problem.TierOverlap:        {http.StatusConflict, "The tier overlaps another active tier"},
	problem.Conflict:           {http.StatusConflict, "The request conflicts with the present state"},
	problem.TooManyBuckets:     {http.StatusUnprocessableEntity, "The range has too many steps"},
	problem.UnknownLogRow:      {http.StatusNotFound, "No such row in the API log"},

	problem.CustomerTableMismatch: {http.StatusConflict, "These are customers of another table"},
	problem.CustomerUpdateRefused: {http.StatusServiceUnavailable, "The site's database refused the change of the customer"},
}

// document is the RFC 9457 body of every failure.
type document struct {
	Type       string       `json:"type" example:"urn:sespan:problem:otp-incorrect" doc:"What happened, as a URN."`
	Title      string       `json:"title" doc:"A short sentence for the type."`
	Status     int          `json:"status" doc:"The HTTP status."`
	Detail     string       `json:"detail,omitempty" doc:"What happened this time, and what to do."`
	ResponseID string       `json:"response_id,omitempty" format:"uuid" doc:"The row of the API log."`
	Errors     []fieldError `json:"errors,omitempty" nullable:"false" doc:"The offending inputs."`
	members    map[string]any
	retryAfter time.Duration
}

type fieldError struct {
	Location string `json:"location" example:"body.email" doc:"Where the input stands."`
	Message  string `json:"message" doc:"What is wrong with it. Never the rejected value."`
}

// Error, GetStatus, GetHeaders and ContentType make a document a huma.StatusError.
func (d *document) Error() string { return d.Type + ": " + d.Detail }

// GetStatus gives the HTTP status.
func (d *document) GetStatus() int { return d.Status }

// ContentType gives the media type of problem documents.
func (d *document) ContentType(string) string { return problemMediaType }

// GetHeaders gives Retry-After (RFC 9110: whole seconds, rounded up) and the
// challenge that RFC 9110 wants beside a 401.
func (d *document) GetHeaders() http.Header {
	h := http.Header{}
	if d.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.retryAfter.Seconds()))))
	}
	if d.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="sespan"`)
	}
	return h
}

// MarshalJSON writes the extension members beside the standard ones (RFC 9457, 3.2).
func (d *document) MarshalJSON() ([]byte, error) {
	type plain document
	if len(d.members) == 0 {
		return json.Marshal((*plain)(d))
	}
	standard, err := json.Marshal((*plain)(d))
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal(d.members)
	if err != nil {
		return nil, err
	}
	return append(append(standard[:len(standard)-1], ','), extra[1:]...), nil
}

// documentOf turns an error of a service into the document that the caller
// gets, records its slug for the log and logs what only operators may know.
func documentOf(ctx context.Context, err error) *document {
	c := requestContextOf(ctx)
	p, ok := errors.AsType[*problem.Problem](err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = problem.New(problem.Unavailable, "The request took too long.").WithRetryAfter(time.Second).WithCause(err)
	default:
		p = problem.New(problem.Internal, "The failure has been logged under the response_id.").WithCause(err)
	}
	if cause := errors.Unwrap(p); cause != nil {
		level := slog.LevelWarn
		switch p.Slug {
		case problem.Internal:
			level = slog.LevelError
		case problem.Unauthorized: // anybody can make these, and as many as they like
			level = slog.LevelDebug
		}
		c.logger.Log(ctx, level, "request failed", "slug", string(p.Slug), "route", c.route, "error", cause)
	}
	c.details = string(p.Slug)
	answer := statusOf[p.Slug]
	d := &document{
		Type: problemURN + string(p.Slug), Title: answer.title, Status: answer.status, Detail: p.Detail,
		ResponseID: c.responseID.String(), members: p.Members, retryAfter: p.RetryAfter,
	}
	if p.Field != "" {
		d.Errors = []fieldError{{Location: p.Field, Message: p.Detail}}
	}
	return d
}

// writeProblem answers outside of huma: unknown paths, limits, panics.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	writeDocument(w, documentOf(r.Context(), p))
}

func writeDocument(w http.ResponseWriter, d *document) {
	body, err := json.Marshal(d)
	if err != nil {
		body = []byte(`{}`)
	}
	h := w.Header()
	for name, values := range d.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", problemMediaType)
	w.WriteHeader(d.Status)
	w.Write(body) //nolint:errcheck // the caller has gone; nobody is left to tell
}

// slugOf is the problem for the statuses that huma answers by itself.
var slugOf = map[int]problem.Slug{
	http.StatusBadRequest: problem.BadRequest, http.StatusNotAcceptable: problem.NotAcceptable,
	http.StatusRequestTimeout: problem.Timeout, http.StatusRequestEntityTooLarge: problem.TooLarge,
	http.StatusUnsupportedMediaType: problem.UnsupportedMedia, http.StatusUnprocessableEntity: problem.Invalid,
	http.StatusInternalServerError: problem.Internal,
}

// rewriteErrors is a huma.Transformer: it rewrites huma's own error model, whose
// details echo rejected values, into our document.
func rewriteErrors(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	slug, known := slugOf[m.Status]
	if !known {
		return nil, fmt.Errorf("no problem slug for status %d", m.Status)
	}
	c := requestContextOf(ctx.Context())
	if m.Status == http.StatusInternalServerError && c.badBody {
		return documentOf(ctx.Context(), problem.New(problem.BadRequest, "The body is cut off, or its chunks are none.").AtField("body")), nil
	}
	c.details = string(slug)
	d := &document{
		Type: problemURN + string(slug), Title: statusOf[slug].title, Status: m.Status, Detail: m.Detail,
		ResponseID: c.responseID.String(),
	}
	for _, e := range m.Errors {
		d.Errors = append(d.Errors, redact(e))
	}
	return d, nil
}

// redact keeps what is wrong and where, and drops whatever the caller sent: the
// value, and the name of a property that is not ours.
func redact(e *huma.ErrorDetail) fieldError {
	f := fieldError{Location: e.Location, Message: e.Message}
	switch {
	case strings.Contains(e.Message, "unexpected property"):
		f.Message = "unexpected property; the known ones stand in /openapi.json"
		f.Location, _, _ = strings.Cut(e.Location, ".")
	case strings.HasPrefix(e.Message, "unknown query parameter"):
		f.Location, f.Message = "query", "unknown query parameter"
	case strings.HasPrefix(e.Message, "expected value to match exactly one schema"):
		f.Message = customerIDForms
		if strings.HasSuffix(e.Location, "order_ref") { // these two have two forms
			f.Message = orderRefForms
		}
	case strings.HasPrefix(e.Message, "json: "), strings.Contains(e.Message, "invalid character"):
		f.Message = "is not valid JSON for this field"
	case strings.HasPrefix(e.Message, huma.ErrUnknownContentType.Error()):
		f.Message = huma.ErrUnknownContentType.Error()
	case strings.HasPrefix(e.Message, "expected string to be "): // the parser's own words quote the value
		f.Message, _, _ = strings.Cut(e.Message, ":")
	}
	return f
}
