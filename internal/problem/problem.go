// Package problem is the one coded error that domain code hands to a caller.
//
// A Problem says what a person or a program may know; what the operator must
// know travels beside it as the wrapped cause (Unwrap) and is only logged. The
// table from a slug to an HTTP status stands in the HTTP adapter.
package problem

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Slug names a kind of problem: the last part of urn:sespan:problem:<slug>.
type Slug string

// The closed list of slugs.
const (
	BadRequest         Slug = "bad-request"
	Invalid            Slug = "invalid"
	Unauthorized       Slug = "unauthorized"
	Forbidden          Slug = "forbidden"
	NotFound           Slug = "not-found"
	MethodNotAllowed   Slug = "method-not-allowed"
	NotAcceptable      Slug = "not-acceptable"
	TooLarge           Slug = "too-large"
	HeadersTooLarge    Slug = "headers-too-large"
	UnsupportedMedia   Slug = "unsupported-media-type"
	Timeout            Slug = "timeout"
	TooManyRequests    Slug = "too-many-requests"
	Unavailable        Slug = "unavailable"
	Internal           Slug = "internal"
	UnknownCustomer    Slug = "unknown-customer"
	UnknownChallenge   Slug = "unknown-challenge"
	OTPIncorrect       Slug = "otp-incorrect"
	OTPExpired         Slug = "otp-expired"
	OTPUsed            Slug = "otp-used"
	OTPLocked          Slug = "otp-locked"
	OTPTooSoon         Slug = "otp-too-soon"
	ActivationRefused  Slug = "activation-refused"
	TokenMismatch      Slug = "token-mismatch"
	OrderConflict      Slug = "order-conflict"
	UnknownTier        Slug = "unknown-tier"
	UnknownTransaction Slug = "unknown-transaction"
	UnknownKey         Slug = "unknown-key"
	TierOverlap        Slug = "tier-overlap"
	TooManyExports     Slug = "too-many-exports"
	Conflict           Slug = "conflict"
	TooManyBuckets     Slug = "too-many-buckets"
	ReportTooLarge     Slug = "report-too-large"
	UnknownLogRow      Slug = "unknown-log-row"

	CustomerTableMismatch Slug = "customer-table-mismatch"
	CustomerUpdateRefused Slug = "customer-update-refused"
)

// Problem is an error with a slug and a sentence for the caller. Detail and the
// members never carry a secret that the caller sent.
type Problem struct {
	Slug       Slug
	Detail     string
	Field      string         // JSON path of the offending input, "" when none
	RetryAfter time.Duration  // 0: no Retry-After header
	Members    map[string]any // extension members of the problem document
	cause      error
}

// New makes a problem; detail is a sentence that the caller may read.
func New(slug Slug, detail string) *Problem {
	return &Problem{Slug: slug, Detail: detail}
}

// Newf is New with formatting.
func Newf(slug Slug, format string, args ...any) *Problem {
	return New(slug, fmt.Sprintf(format, args...))
}

// AtField names the input that is wrong, such as "body.email".
func (p *Problem) AtField(field string) *Problem {
	c := *p
	c.Field = field
	return &c
}

// With adds an extension member, such as attempts_left.
func (p *Problem) With(name string, value any) *Problem {
	c := *p
	c.Members = maps.Clone(p.Members)
	if c.Members == nil {
		c.Members = make(map[string]any, 1)
	}
	c.Members[name] = value
	return &c
}

// WithRetryAfter sets when a new try makes sense.
func (p *Problem) WithRetryAfter(d time.Duration) *Problem {
	c := *p
	c.RetryAfter = d
	return &c
}

// WithCause attaches the cause for the operator's log.
func (p *Problem) WithCause(err error) *Problem {
	c := *p
	c.cause = err
	return &c
}

// Error gives the whole story, for logs only.
func (p *Problem) Error() string {
	s := string(p.Slug) + ": " + p.Detail
	if p.cause != nil {
		s = strings.TrimSuffix(s, ".") + ": " + p.cause.Error()
	}
	return s
}

// Unwrap gives the operator's cause.
func (p *Problem) Unwrap() error { return p.cause }

// Is makes errors.Is(err, problem.New(slug, "")) compare slugs.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Slug == p.Slug
}

// SlugOf gives the slug of the first Problem in err's chain, Internal for
// another error and "" for nil.
func SlugOf(err error) Slug {
	if err == nil {
		return ""
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Slug
	}
	return Internal
}
