package apilog

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// RequestType is the kind of call, as reports group them.
type RequestType string

// The closed list of request types.
const (
	OTP         RequestType = "OTP"
	Login       RequestType = "Login"
	Transaction RequestType = "Transaction"
	Report      RequestType = "Report"
	Admin       RequestType = "Admin"
)

// RequestTypes gives the closed list of request types.
func RequestTypes() []RequestType { return []RequestType{OTP, Login, Transaction, Report, Admin} }

// Outcome is what a call came to; for a login it is the login's own.
type Outcome string

// The closed list of outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// Entry is one row of the API log: a request and its answer. Its headers and
// bodies are of types that only the redactor makes, so an entry holds no secret.
type Entry struct {
	ResponseID     uuid.UUID
	IP             netip.Addr // the zero Addr for unknown
	Type           RequestType
	RequestHeader  Header
	RequestBody    Body
	ResponseHeader Header
	ResponseBody   Body
	Status         int // HTTP status
	Outcome        Outcome
	StatusDetails  string // problem slug, or login-failed
	Requested      time.Time
	Responded      time.Time // not before Requested
	CustomerID     *int64
	StandsFor      int // calls that the row represents: itself and those of its group that were left out before it; 0 is 1

	Quota string // whose share of rows the row counts in: a stranger's, a customer's, a visitor's; "" for none, every call is stored
	Keep  bool   // stored to the end, when the log has no room left for others: draws, verified codes, reads by staff
}

// bare is the entry without what takes most of its room.
func (e Entry) bare() Entry {
	e.RequestBody, e.ResponseBody = Body{}, Body{}
	if len(e.RequestHeader.json)+len(e.ResponseHeader.json) > maxBareHeader {
		e.RequestHeader, e.ResponseHeader = Header{}, Header{}
	}
	return e
}

// bytes estimates what the row takes on disk, its indexes included.
func (e Entry) bytes() int64 {
	return rowBytes + int64(len(e.RequestHeader.json)+len(e.ResponseHeader.json)+len(e.RequestBody.text)+len(e.ResponseBody.text))
}

const (
	rowBytes      = 600     // without headers and bodies
	maxBareHeader = 2 << 10 // bytes of both headers
)

// Header is a redacted header: a JSON object of lower-case names to a string, or
// to an array of strings for a repeated header. See RedactHeader.
type Header struct{ json string }

// String gives the JSON object, "{}" for the zero Header.
func (h Header) String() string {
	if h.json == "" {
		return "{}"
	}
	return h.json
}

// Body is a redacted body: valid UTF-8 without NUL, of bounded length. See
// RedactBody.
type Body struct{ text string }

// String gives the text, "" for no body.
func (b Body) String() string { return b.text }
