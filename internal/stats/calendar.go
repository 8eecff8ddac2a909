package stats

import (
	"sort"
	"time"
)

// Step is the length of a bucket.
type Step string

// The closed list of steps, from fine to coarse.
const (
	Hour  Step = "hour"
	Day   Step = "day"
	Week  Step = "week" // ISO 8601: begins on Monday
	Month Step = "month"
)

// Steps are all of them, from fine to coarse.
func Steps() []Step { return []Step{Hour, Day, Week, Month} }

// Calendar knows the hours, days, weeks and months of one zone.
type Calendar struct{ Zone *time.Location }

// Bucket gives the bucket that holds the moment: [start, end). The buckets of a step
// tile all of time.
func (c Calendar) Bucket(step Step, at time.Time) (start, end time.Time) {
	if step == Hour {
		return c.hour(at)
	}
	first := c.firstDay(step, Date(at.In(c.Zone)))
	start, end = c.StartOfDay(first), c.StartOfDay(nextDay(step, first))
	// A clock that goes back over midnight shows the end of a date again that was over.
	for !end.After(at) {
		first = nextDay(step, first)
		start, end = end, c.StartOfDay(nextDay(step, first))
	}
	for start.After(at) {
		first = c.firstDay(step, first.AddDate(0, 0, -1))
		start, end = c.StartOfDay(first), start
	}
	return start, end
}

// hour gives an hour of the zone's clock. One in which the zone's offset changes ends
// there, and another one begins.
func (c Calendar) hour(at time.Time) (start, end time.Time) {
	const length = 3600
	now := at.Unix()
	offset := c.offset(now)
	into := (now + offset) % length
	if into < 0 {
		into += length
	}
	first := now - into + int64(sort.Search(int(into), func(i int) bool { return c.offset(now-into+int64(i)) == offset }))
	after := now + 1 + int64(sort.Search(int(length-into-1), func(i int) bool { return c.offset(now+1+int64(i)) != offset }))
	return time.Unix(first, 0).UTC(), time.Unix(after, 0).UTC()
}

// StartOfDay gives the first moment at which the zone's clock shows the date or a later
// one: midnight, unless the clock jumps over it, or over the whole day.
func (c Calendar) StartOfDay(day time.Time) time.Time {
	const around = 26 * 3600 // above every offset
	midnight := Date(day).Unix()
	before := c.offset(midnight - around)
	if c.offset(midnight+around) == before {
		return time.Unix(midnight-before, 0).UTC()
	}
	seconds := sort.Search(2*around, func(i int) bool {
		at := midnight - around + int64(i)
		return at+c.offset(at) >= midnight
	})
	return time.Unix(midnight-around+int64(seconds), 0).UTC()
}

// offset gives the seconds that the zone is ahead of UTC. Time.ZoneBounds would tell
// more, but is wrong on the last days of leap years after the zone's table.
func (c Calendar) offset(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(c.Zone).Zone()
	return int64(offset)
}

// startsDay tells whether a day of the zone begins at the moment, and which.
func (c Calendar) startsDay(at time.Time) (day time.Time, yes bool) {
	day = Date(at.In(c.Zone))
	return day, c.StartOfDay(day).Equal(at)
}

// Date is the moment's date by its own clock, as midnight UTC.
func Date(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

func (c Calendar) firstDay(step Step, day time.Time) time.Time {
	switch step {
	case Week:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case Month:
		return day.AddDate(0, 0, 1-day.Day())
	default:
		return day
	}
}

func nextDay(step Step, day time.Time) time.Time {
	switch step {
	case Week:
		return day.AddDate(0, 0, 7)
	case Month:
		return day.AddDate(0, 1, 0)
	default:
		return day.AddDate(0, 0, 1)
	}
}
