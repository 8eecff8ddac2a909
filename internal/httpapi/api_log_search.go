package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/problem"
)

// logSearch finds rows of the API log: apilog.Search.
type logSearch interface {
	Find(ctx context.Context, f apilog.Filter, before *apilog.Position, n int) (apilog.Page, error)
	ByID(ctx context.Context, id uuid.UUID) (apilog.RowDetail, error)
}

type (
	// LogFilter is the filters of the log. Exported: huma looks into no other embedded struct.
	LogFilter struct {
		From        string `query:"from" maxLength:"40" doc:"First moment: an RFC 3339 time, or a date YYYY-MM-DD, the start of that day in SESPAN_TIME_ZONE; 7 days before to by default."`
		To          string `query:"to" maxLength:"40" doc:"First moment after it, written as from; now by default."`
		ResponseID  string `query:"response_id" format:"uuid" maxLength:"36" doc:"The X-Response-Id of the answer."`
		CustomerID  string `query:"customer_id" pattern:"^[1-9][0-9]{0,18}$" patternDescription:"a positive integer" maxLength:"19" doc:"Whom the call was about."`
		IP          string `query:"ip" format:"ip" maxLength:"45" doc:"Address of the person or program behind the call."`
		RequestType string `query:"request_type" enum:"OTP,Login,Transaction,Report,Admin"`
		Status      int    `query:"status" minimum:"100" maximum:"599" doc:"HTTP status of the answer."`
		Outcome     string `query:"outcome" enum:"success,failure" doc:"Of a Login its own."`
	}
	logListRequest struct {
		LogFilter
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rows of a page."`
		Cursor string `query:"cursor" maxLength:"200" doc:"The next_cursor of the page before, with the same filters."`
	}
	logPath struct {
		ResponseID string `path:"response_id" format:"uuid" maxLength:"36"`
	}
)

type (
	// LogRow is a call without headers and bodies.
	LogRow struct {
		ResponseID    string    `json:"response_id" format:"uuid"`
		TimeRequested time.Time `json:"time_requested"`
		ElapsedMS     float64   `json:"elapsed_ms" doc:"Milliseconds from the request's header to the answer."`
		RequestType   string    `json:"request_type" enum:"OTP,Login,Transaction,Report,Admin"`
		Method        string    `json:"method" example:"POST"`
		Path          string    `json:"path" example:"/v1/otp"`
		Status        int       `json:"status" example:"202"`
		Outcome       string    `json:"outcome" enum:"success,failure"`
		StatusDetails string    `json:"status_details" doc:"Slug of the problem of a failed call, login-failed of a refused login; else empty."`
		IP            *string   `json:"ip" doc:"null when unknown."`
		CustomerID    *string   `json:"customer_id" doc:"Whom the call was about; null: nobody in particular."`
		StandsFor     int       `json:"stands_for" doc:"Calls that the row represents: 1, and those of its type and status that were left out before it."`
	}
	logDetailAnswer struct {
		LogRow
		TimeResponded  time.Time       `json:"time_responded"`
		RequestHeader  json.RawMessage `json:"request_header"`
		RequestBody    string          `json:"request_body" doc:"As received, secrets replaced by [redacted], cut when long."`
		ResponseHeader json.RawMessage `json:"response_header"`
		ResponseBody   string          `json:"response_body" doc:"As sent, secrets replaced by [redacted], cut when long."`
	}
	logListAnswer struct {
		Rows       []LogRow `json:"rows" nullable:"false"`
		NextCursor *string  `json:"next_cursor" doc:"For the next page; null at the end. A page looks at a bounded number of rows: with a cursor it may be short, or empty."`
	}
	logListResponse   struct{ Body logListAnswer }
	logDetailResponse struct{ Body logDetailAnswer }
)

// logSearchCalls are the operations on the API log.
type logSearchCalls struct {
	search  logSearch
	audit   access.Auditor
	zone    *time.Location
	cursors cursors
}

func registerLogSearch(api huma.API, d Deps) {
	h := logSearchCalls{d.LogSearch, d.Audit, cmp.Or(d.Zone, time.UTC), cursors{d.Ring}}
	register(api, describe(operation(apilog.Admin, http.MethodGet, "/v1/api-log", "search-api-log", "Search the API log", http.StatusOK, access.RoleAdmin),
		"The newest first, page by page, of the last 7 days unless a range is given. Each search is in the audit."), h.list)
	register(api, describe(operation(apilog.Admin, http.MethodGet, "/v1/api-log/{response_id}", "get-api-log-row", "Show a call with its headers and bodies",
		http.StatusOK, access.RoleAdmin), "Secrets were redacted before the row was stored. Each look is in the audit."), h.get, http.StatusNotFound)
}

func (h logSearchCalls) list(ctx context.Context, in *logListRequest) (*logListResponse, error) {
	f, err := in.filter(h.zone)
	if err != nil {
		return nil, err
	}
	list := in.list()
	var before *apilog.Position
	if in.Cursor != "" {
		if before, err = h.position(in.Cursor, list); err != nil {
			return nil, err
		}
	}
	if err := h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditRead, Subject: access.AuditAPILog, Detail: in.detail()}); err != nil {
		return nil, err
	}
	page, err := h.search.Find(ctx, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := logListAnswer{Rows: make([]LogRow, len(page.Rows))}
	for i, r := range page.Rows {
		out.Rows[i] = logRowAnswer(r)
	}
	if page.Next != nil {
		out.NextCursor = new(h.cursors.encode(cursor{At: page.Next.Time, ID: page.Next.ID.String()}, list))
	}
	return &logListResponse{out}, nil
}

func (h logSearchCalls) get(ctx context.Context, in *logPath) (*logDetailResponse, error) {
	id, err := uuid.Parse(in.ResponseID)
	if err != nil {
		return nil, problem.New(problem.Invalid, "A response_id is a UUID, as in the X-Response-Id header.").AtField("path.response_id")
	}
	if err := h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditRead, Subject: access.AuditAPILog, SubjectID: id.String()}); err != nil {
		return nil, err
	}
	d, err := h.search.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return &logDetailResponse{logDetailAnswer{
		LogRow: logRowAnswer(d.Row), TimeResponded: d.Responded.UTC(),
		RequestHeader: json.RawMessage(d.RequestHeader), RequestBody: d.RequestBody,
		ResponseHeader: json.RawMessage(d.ResponseHeader), ResponseBody: d.ResponseBody,
	}}, nil
}

// list names the list that a cursor belongs to.
func (q LogFilter) list() string { return fmt.Sprintf("api-log %#v", q) }

// filter reads the query; the schema has refused most other forms.
func (q LogFilter) filter(zone *time.Location) (apilog.Filter, error) {
	f := apilog.Filter{Type: apilog.RequestType(q.RequestType), Status: q.Status, Outcome: apilog.Outcome(q.Outcome)}
	var err error
	if f.From, f.To, err = parseRange(q.From, q.To, zone); err != nil {
		return f, err
	}
	if f.CustomerID, err = idOf("query.customer_id", q.CustomerID); err != nil {
		return f, err
	}
	if q.ResponseID != "" {
		id, err := uuid.Parse(q.ResponseID)
		if err != nil {
			return f, problem.New(problem.Invalid, "A response_id is a UUID, as in the X-Response-Id header.").AtField("query.response_id")
		}
		f.ResponseID = &id
	}
	if q.IP != "" {
		ip, err := netip.ParseAddr(q.IP)
		if err != nil {
			return f, problem.New(problem.Invalid, "Write one address, such as 203.0.113.7 or 2001:db8::7.").AtField("query.ip")
		}
		f.IP = ip.Unmap().WithZone("")
	}
	return f, nil
}

// detail tells the audit what was searched for.
func (q logListRequest) detail() string {
	text := ""
	for _, f := range [...]struct{ name, value string }{
		{"from", q.From},
		{"to", q.To},
		{"response_id", q.ResponseID},
		{"customer_id", q.CustomerID},
		{"ip", q.IP},
		{"request_type", q.RequestType},
		{"status", number(q.Status)},
		{"outcome", q.Outcome},
		{"cursor", q.Cursor},
	} {
		if f.value != "" {
			text += f.name + "=" + f.value + " "
		}
	}
	return text + "limit=" + number(q.Limit)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (h logSearchCalls) position(text, list string) (*apilog.Position, error) {
	c, err := h.cursors.decode(text, list)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return nil, errCursor()
	}
	return &apilog.Position{Time: c.At, ID: id}, nil
}

func logRowAnswer(r apilog.Row) LogRow {
	out := LogRow{
		ResponseID: r.ResponseID.String(), TimeRequested: r.Requested.UTC(), ElapsedMS: float64(r.Elapsed.Microseconds()) / 1000,
		RequestType: string(r.Type), Method: r.Method, Path: r.Path, Status: r.Status, Outcome: string(r.Outcome), StatusDetails: r.StatusDetails, StandsFor: r.StandsFor,
	}
	if r.IP.IsValid() {
		out.IP = new(r.IP.String())
	}
	if r.CustomerID != nil {
		out.CustomerID = new(fmt.Sprint(*r.CustomerID))
	}
	return out
}
