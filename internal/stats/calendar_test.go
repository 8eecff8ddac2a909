package stats

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zones have whole and odd offsets, clocks that change at midnight, by half an hour and
// over the date line.
var zones = []string{
	"UTC", "Asia/Jakarta", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Africa/Cairo", "Asia/Beirut", "Atlantic/Azores",
	"America/Santiago", "Africa/Monrovia", "Antarctica/Troll", "Asia/Kolkata", "Africa/Casablanca",
}

func calendar(t *testing.T, zone string) Calendar {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	return Calendar{location}
}

func TestBucketsTileTime(t *testing.T) {
	t.Parallel()
	longest := map[Step]time.Duration{Hour: time.Hour, Day: 26 * time.Hour, Week: 170 * time.Hour, Month: 31*24*time.Hour + 2*time.Hour}
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			c := calendar(t, zone)
			random := rand.New(rand.NewPCG(1, 2))
			for _, step := range Steps() {
				for range 60 {
					at := time.Unix(random.Int64N(4_000_000_000), 0)
					for range 30 { // a walk
						start, end := c.Bucket(step, at)
						require.True(t, !start.After(at) && end.After(at), "%s %s: [%s, %s) without %s", zone, step, start, end, at)
						require.LessOrEqual(t, end.Sub(start), longest[step], "%s %s at %s", zone, step, at)
						again, sameEnd := c.Bucket(step, end.Add(-time.Second))
						require.True(t, again.Equal(start) && sameEnd.Equal(end), "%s %s: [%s, %s) is [%s, %s) at its end", zone, step, start, end, again, sameEnd)
						next, _ := c.Bucket(step, end)
						require.True(t, next.Equal(end), "%s %s: a gap or an overlap between %s and %s", zone, step, end, next)
						at = end
					}
				}
			}
		})
	}
}

func TestBucketsAreThoseOfTheClock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone       string
		step       Step
		at         string
		start, end string
	}{
		"an hour at +5:45":             {"Asia/Kathmandu", Hour, "2026-11-22T10:20:00Z", "2026-11-22T10:15:00Z", "2026-11-22T11:15:00Z"},
		"a day at +5:45":               {"Asia/Kathmandu", Day, "2026-11-22T18:15:00Z", "2026-11-22T18:15:00Z", "2026-11-23T18:15:00Z"},
		"a day of 23 hours":            {"Europe/Berlin", Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"a day of 25 hours":            {"Europe/Berlin", Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"the second hour of that name": {"Europe/Berlin", Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		"a day without midnight":       {"Africa/Cairo", Day, "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		"midnight comes twice":         {"Atlantic/Azores", Day, "2026-10-25T12:00:00Z", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"},
		"half an hour of the clock":    {"Australia/Lord_Howe", Hour, "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"},
		"a day that was left out":      {"Pacific/Apia", Day, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		"the week of New Year":         {"UTC", Week, "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		"a Sunday":                     {"Asia/Jakarta", Week, "2026-11-29T12:00:00Z", "2026-11-22T17:00:00Z", "2026-11-29T17:00:00Z"},
		"a month":                      {"America/New_York", Month, "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		start, end := calendar(t, c.zone).Bucket(c.step, at)
		assert.Equal(t, c.start, text(start), name)
		assert.Equal(t, c.end, text(end), name)
	}
}

// Days and quarters of a cut make the range again, whatever its zone.
func TestCutsCoverTheRange(t *testing.T) {
	t.Parallel()
	for _, zone := range zones {
		c := calendar(t, zone)
		random := rand.New(rand.NewPCG(3, 4))
		for range 2000 {
			from := time.Unix(1_500_000_000+random.Int64N(600_000)*900, 0).UTC()
			to := from.Add(time.Duration(1+random.IntN(3000)) * quarter)
			cut := c.Cut(from, to)
			first, last := cut.HeadEnd, cut.TailStart
			require.True(t, cut.From.Equal(from) && cut.To.Equal(to), zone)
			require.True(t, !first.Before(from) && !last.After(to) && !last.Before(first), "%s: %s to %s: %+v", zone, from, to, cut)
			if cut.FirstDay.Before(cut.LastDay) {
				require.True(t, c.StartOfDay(cut.FirstDay).Equal(first) && c.StartOfDay(cut.LastDay).Equal(last), "%s: %+v", zone, cut)
				require.LessOrEqual(t, first.Sub(from), 25*time.Hour, zone)
				require.LessOrEqual(t, to.Sub(last), 25*time.Hour, zone)
			} else {
				require.True(t, first.Equal(last), "%s: neither days nor quarters: %+v", zone, cut)
				require.Less(t, to.Sub(from), 50*time.Hour, zone)
			}
		}
	}
}

// A series by hours is read from hours and the quarters around them; where an hour of
// the zone is none of UTC, from quarters alone.
func TestSeriesOfHours(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return moment.UTC()
	}
	from, to := at("2026-11-20T10:15:00Z"), at("2026-11-22T03:30:00Z")
	for zone, whole := range map[string]bool{"UTC": true, "Asia/Jakarta": true, "Europe/Berlin": true, "Asia/Kathmandu": false, "Asia/Kolkata": false} {
		r, err := calendar(t, zone).Range(Want{From: from, To: to, Step: Hour}, to)
		require.NoError(t, err, zone)
		cut := r.Series(r.Calendar)
		if !whole {
			assert.Equal(t, Quarters(r.From, r.To), cut, zone)
			continue
		}
		assert.Equal(t, r.From, cut.From, zone)
		assert.True(t, cut.HeadEnd.Equal(cut.FirstHour) && cut.TailStart.Equal(cut.LastHour) && cut.To.Equal(r.To), "%s: %+v", zone, cut)
		assert.Less(t, cut.FirstHour.Sub(r.From), time.Hour, zone)
		assert.Less(t, r.To.Sub(cut.LastHour), time.Hour, zone)
	}
}
