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

// Outcome is what a call came to; for a login it is the login's own.
type Outcome string

// The closed list of outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// Entry is one row of the API log: a request and its answer. Headers and bodies
// are redacted and sanitised before they are stored.
type Entry struct {
	ResponseID     uuid.UUID
	IP             netip.Addr
	Type           RequestType
	RequestHeader  map[string][]string
	RequestBody    []byte
	ResponseHeader map[string][]string
	ResponseBody   []byte
	Status         int // HTTP status
	Outcome        Outcome
	StatusDetails  string // problem slug, or a login's detail
	Requested      time.Time
	Responded      time.Time
	CustomerID     *int64
}
