package stats

import (
	"cmp"
	"slices"
	"time"

	"sespan/internal/problem"
)

// Limits of a range.
const (
	MaxBuckets = 2400
	maxYears   = 100
	quarter    = 15 * time.Minute
)

// Range is what a call asks for: [From, To) in buckets, and the period before it to
// compare with.
type Range struct {
	From, To time.Time // UTC, on quarters of an hour
	Previous time.Time // [Previous, From) is as long as the range: as many days, where it has whole ones
	Step     Step
	Starts   []time.Time // of the buckets that overlap the range, none of a whole one; the first may begin before it
	Calendar Calendar
}

// Want is what the caller says of a range; what is zero has its default.
type Want struct {
	From, To  time.Time
	Step      Step   // [Day]
	Parameter string // of the call that names the step, for problems [step]
	Whole     bool   // one sum: no buckets, and no limit of their number
}

// Range completes and checks what the caller wants. The end is that of the present step
// where none is given, the beginning 24 hours, 30 days, 26 weeks or 24 months before
// the end. Errors: problem.Invalid, problem.TooManyBuckets.
func (c Calendar) Range(w Want, now time.Time) (Range, error) {
	w.Step, w.Parameter = cmp.Or(w.Step, Day), cmp.Or(w.Parameter, "step")
	if w.To.IsZero() {
		_, w.To = c.Bucket(w.Step, now)
		if !w.From.IsZero() && !w.From.Before(w.To) {
			return Range{}, problem.Newf(problem.Invalid, "from lies in the future; give to as well, or begin before %s.", text(w.To)).AtField("query.from")
		}
	}
	if w.From.IsZero() {
		w.From = c.back(w.Step, w.To)
	}
	if err := check(w); err != nil {
		return Range{}, err
	}
	r := Range{From: w.From.UTC(), To: w.To.UTC(), Step: w.Step, Calendar: c}
	r.Previous = c.previous(r.From, r.To)
	if w.Whole {
		return r, nil
	}
	starts, ok := c.starts(w.Step, r.From, r.To)
	if !ok {
		return Range{}, c.tooMany(w)
	}
	r.Starts = starts
	return r, nil
}

func check(w Want) error {
	for _, bound := range []struct {
		field string
		at    time.Time
	}{{"from", w.From}, {"to", w.To}} {
		if near := bound.at.Round(quarter); !near.Equal(bound.at) {
			return problem.Newf(problem.Invalid, "%s must lie on a quarter of an hour; the nearest is %s.", bound.field, text(near)).AtField("query." + bound.field)
		}
	}
	if !w.From.Before(w.To) {
		return problem.New(problem.Invalid, "from must be before to.").AtField("query.from")
	}
	if w.From.AddDate(maxYears, 0, 0).Before(w.To) {
		return problem.Newf(problem.Invalid, "A range has %d years at most; begin later or end earlier.", maxYears).AtField("query.from")
	}
	return nil
}

// back gives the default beginning of a range that ends at to. It lies on a quarter, as
// to does, also where the zone had none.
func (c Calendar) back(step Step, to time.Time) time.Time {
	local := to.In(c.Zone)
	var from time.Time
	switch step {
	case Hour:
		from = to.Add(-24 * time.Hour)
	case Week:
		from = c.before(local, 0, 26*7)
	case Month:
		from = c.before(local, 24, 0)
	default:
		from = c.before(local, 0, 30)
	}
	if epoch := time.Unix(0, 0); from.Before(epoch) && to.After(epoch) {
		return epoch.UTC()
	}
	return from.Truncate(quarter).UTC()
}

// before goes back by the calendar, to the same time of the day.
func (c Calendar) before(local time.Time, months, days int) time.Time {
	if day, whole := c.startsDay(local); whole {
		return c.StartOfDay(day.AddDate(0, -months, -days))
	}
	return local.AddDate(0, -months, -days)
}

func (c Calendar) previous(from, to time.Time) time.Time {
	first, whole := c.startsDay(from)
	last, alsoWhole := c.startsDay(to)
	if whole && alsoWhole {
		return c.StartOfDay(first.Add(-last.Sub(first)))
	}
	return from.Add(-to.Sub(from))
}

// starts gives the beginnings of the buckets, false where they are too many.
func (c Calendar) starts(step Step, from, to time.Time) ([]time.Time, bool) {
	var list []time.Time
	for at := from; at.Before(to); {
		if len(list) == MaxBuckets {
			return nil, false
		}
		start, end := c.Bucket(step, at)
		list = append(list, start)
		at = end
	}
	return list, true
}

// tooMany names the finest step that fits. There is one: a hundred years have 1,200
// months.
func (c Calendar) tooMany(w Want) error {
	steps := Steps()
	fits := steps[slices.Index(steps, w.Step)+1:]
	for _, ok := c.starts(fits[0], w.From, w.To); !ok; _, ok = c.starts(fits[0], w.From, w.To) {
		fits = fits[1:]
	}
	return problem.Newf(problem.TooManyBuckets, "The range has more than %d %ss; ask for a shorter one, or with %s=%s.", MaxBuckets, w.Step, w.Parameter, fits[0]).
		AtField("query." + w.Parameter)
}

func text(at time.Time) string { return at.UTC().Format(time.RFC3339) }
