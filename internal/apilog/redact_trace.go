package apilog

import (
	"regexp"
	"strings"
)

// traceHeader tells whether a header is of W3C Trace Context or Baggage: free text of
// anybody's, which may hold what a site knows of a person.
func traceHeader(name string) bool {
	return strings.EqualFold(name, "traceparent") || strings.EqualFold(name, "tracestate") || strings.EqualFold(name, "baggage")
}

var traceparentForm = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// redactTrace keeps what names the trace, and nothing that is no such name.
func redactTrace(name, v string) string {
	if strings.EqualFold(name, "traceparent") && traceparentForm.MatchString(v) {
		return v
	}
	return redacted
}
