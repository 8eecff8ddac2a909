package stats

import "time"

// Cut divides [From, To) for the levels of the counts: whole days of a zone, or whole
// hours, and the quarters before and after them.
type Cut struct {
	From, HeadEnd       time.Time // quarters of [From, HeadEnd)
	TailStart, To       time.Time // and of [TailStart, To)
	FirstDay, LastDay   time.Time // days of [FirstDay, LastDay), as midnights UTC
	FirstHour, LastHour time.Time // hours of [FirstHour, LastHour)
}

// Cut divides a range by the days of the calendar's zone.
func (c Calendar) Cut(from, to time.Time) Cut {
	first, whole := c.startsDay(from)
	if !whole {
		first = first.AddDate(0, 0, 1)
	}
	for c.StartOfDay(first).Before(from) { // a date that the clock showed twice
		first = first.AddDate(0, 0, 1)
	}
	last := Date(to.In(c.Zone))
	for c.StartOfDay(last).After(to) {
		last = last.AddDate(0, 0, -1)
	}
	if !first.Before(last) {
		return Quarters(from, to)
	}
	return Cut{From: from, HeadEnd: c.StartOfDay(first), TailStart: c.StartOfDay(last), To: to, FirstDay: first, LastDay: last}
}

// Quarters reads the whole range from the quarters.
func Quarters(from, to time.Time) Cut {
	return Cut{From: from, HeadEnd: to, TailStart: to, To: to, FirstDay: Date(to), LastDay: Date(to)}
}

// hours reads whole hours, where every bucket begins with one, and quarters around them.
func (r Range) hours() Cut {
	first, last := r.From.Add(time.Hour-1).Truncate(time.Hour), r.To.Truncate(time.Hour)
	for _, start := range r.Starts[1:] {
		if !start.Equal(start.Truncate(time.Hour)) {
			return Quarters(r.From, r.To)
		}
	}
	if !first.Before(last) {
		return Quarters(r.From, r.To)
	}
	cut := Quarters(r.From, r.To)
	cut.HeadEnd, cut.FirstHour, cut.LastHour, cut.TailStart = first, first, last, last
	return cut
}

// Window names a sum.
type Window int

// The windows of every call.
const (
	WindowRange    Window = iota
	WindowPrevious        // the period before the range
	WindowBefore          // all before the range
	WindowEver            // all that was counted
	windows
)

// Cuts gives the cut of each window, in the zone of the day level.
func (r Range) Cuts(days Calendar) [int(windows)]Cut {
	// Beyond every count.
	dawn, dusk := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	day := Date(r.From.In(days.Zone))
	return [windows]Cut{
		WindowRange:    days.Cut(r.From, r.To),
		WindowPrevious: days.Cut(r.Previous, r.From),
		WindowBefore:   {From: dawn, HeadEnd: dawn, FirstDay: dawn, LastDay: day, TailStart: days.StartOfDay(day), To: r.From},
		WindowEver:     {From: dawn, HeadEnd: dawn, FirstDay: dawn, LastDay: dusk, TailStart: dusk, To: dusk},
	}
}

// Series gives the cut of the buckets: by days where the steps are made of the day
// level's own days, by hours where they are hours that UTC has too, else by quarters.
func (r Range) Series(days Calendar) Cut {
	if len(r.Starts) == 0 {
		return Quarters(r.To, r.To)
	}
	if r.Step == Hour {
		return r.hours()
	}
	if r.Calendar.Zone.String() != days.Zone.String() {
		return Quarters(r.From, r.To)
	}
	return days.Cut(r.From, r.To)
}
