package httpapi

import (
	"time"

	"sespan/internal/problem"
	"sespan/internal/stats"
)

// The years that a moment in a query may have.
const firstYear, lastYear = 1970, 9999

// parseMoment reads a query's time: RFC 3339, or a date, which is the start of that day
// in the zone. An empty text is the zero time. field is the parameter's name.
func parseMoment(field, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err == nil {
		at = stats.Calendar{Zone: zone}.StartOfDay(at)
	} else {
		at, err = time.Parse(time.RFC3339Nano, text)
	}
	at = at.UTC().Truncate(time.Microsecond)
	if err != nil || at.Year() < firstYear || at.Year() > lastYear {
		return time.Time{}, problem.Newf(problem.Invalid,
			"Write an RFC 3339 time such as 2026-11-22T00:00:00Z, or a date such as 2026-11-22, of the years %d to %d.", firstYear, lastYear).AtField("query." + field)
	}
	return at, nil
}

// parseRange reads the half-open range from a query; both ends may be open.
func parseRange(from, to string, zone *time.Location) (start, end time.Time, err error) {
	if start, err = parseMoment("from", from, zone); err != nil {
		return start, end, err
	}
	if end, err = parseMoment("to", to, zone); err != nil {
		return start, end, err
	}
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return start, end, problem.New(problem.Invalid, "from must be before to.").AtField("query.from")
	}
	return start, end, nil
}
