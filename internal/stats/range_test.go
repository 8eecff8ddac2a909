package stats

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/problem"
)

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

func TestDefaultRanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, from, to                 string
		step                           Step
		wantFrom, wantTo, wantPrevious string
		buckets                        int
	}{
		"days":              {"Asia/Jakarta", "", "", "", "2026-10-30T17:00:00Z", "2026-11-29T17:00:00Z", "2026-09-30T17:00:00Z", 30},
		"hours":             {"Asia/Kathmandu", "", "", Hour, "2026-11-28T13:15:00Z", "2026-11-29T13:15:00Z", "2026-11-27T13:15:00Z", 24},
		"weeks":             {"UTC", "", "", Week, "2026-06-01T00:00:00Z", "2026-11-30T00:00:00Z", "2025-12-01T00:00:00Z", 26},
		"months":            {"UTC", "", "", Month, "2024-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2022-12-02T00:00:00Z", 24},
		"from alone":        {"UTC", "2026-11-28T00:00:00Z", "", Day, "2026-11-28T00:00:00Z", "2026-11-30T00:00:00Z", "2026-11-26T00:00:00Z", 2},
		"to alone":          {"UTC", "", "2026-11-29T06:00:00Z", Day, "2026-10-30T06:00:00Z", "2026-11-29T06:00:00Z", "2026-09-30T06:00:00Z", 31},
		"a clock changes":   {"Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z", Day, "2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z", "2026-10-22T22:00:00Z", 2},
		"long ago":          {"UTC", "", "1970-01-05T00:00:00Z", Day, "1970-01-01T00:00:00Z", "1970-01-05T00:00:00Z", "1969-12-28T00:00:00Z", 4},
		"far in the future": {"UTC", "9999-12-01T00:00:00Z", "9999-12-31T23:45:00Z", Month, "9999-12-01T00:00:00Z", "9999-12-31T23:45:00Z", "9999-10-31T00:15:00Z", 1},
		"2400 hours":        {"UTC", "2026-01-01T00:00:00Z", "2026-04-11T00:00:00Z", Hour, "2026-01-01T00:00:00Z", "2026-04-11T00:00:00Z", "2025-09-23T00:00:00Z", 2400},
		"a hundred years":   {"UTC", "1970-01-01T00:00:00Z", "2070-01-01T00:00:00Z", Month, "1970-01-01T00:00:00Z", "2070-01-01T00:00:00Z", "1869-12-31T00:00:00Z", 1200},
	} {
		r, err := calendar(t, c.zone).Range(Want{From: moment(t, c.from), To: moment(t, c.to), Step: c.step}, moment(t, "2026-11-29T12:34:56Z"))
		require.NoError(t, err, name)
		assert.Equal(t, c.wantFrom, text(r.From), name)
		assert.Equal(t, c.wantTo, text(r.To), name)
		assert.Equal(t, c.wantPrevious, text(r.Previous), name)
		assert.Len(t, r.Starts, c.buckets, name)
	}
}

func TestRangesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to string
		step     Step
		slug     problem.Slug
		field    string
		detail   string
	}{
		"the wrong way round":   {"2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", Day, problem.Invalid, "query.from", "before"},
		"empty":                 {"2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", Day, problem.Invalid, "query.from", "before"},
		"from in the future":    {"2030-01-02T00:00:00Z", "", Day, problem.Invalid, "query.from", "2026-11-30T00:00:00Z"},
		"over a hundred years":  {"1970-01-01T00:00:00Z", "2070-01-01T00:15:00Z", Month, problem.Invalid, "query.from", "100 years"},
		"off the quarter":       {"2026-01-01T00:07:31Z", "2026-01-02T00:00:00Z", Day, problem.Invalid, "query.from", "2026-01-01T00:15:00Z"},
		"off at the end":        {"2026-01-01T00:00:00Z", "2026-01-02T00:00:01Z", Day, problem.Invalid, "query.to", "2026-01-02T00:00:00Z"},
		"2401 hours":            {"2026-01-01T00:00:00Z", "2026-04-11T01:00:00Z", Hour, problem.TooManyBuckets, "query.step", "step=day"},
		"twenty years of hours": {"2006-01-01T00:00:00Z", "2026-01-01T00:00:00Z", Hour, problem.TooManyBuckets, "query.step", "step=week"},
		"ninety years of days":  {"1980-01-01T00:00:00Z", "2070-01-01T00:00:00Z", Day, problem.TooManyBuckets, "query.step", "step=month"},
	} {
		_, err := calendar(t, "UTC").Range(Want{From: moment(t, c.from), To: moment(t, c.to), Step: c.step}, moment(t, "2026-11-29T12:34:56Z"))
		p, ok := errors.AsType[*problem.Problem](err)
		require.True(t, ok, "%s: %v", name, err)
		assert.Equal(t, c.slug, p.Slug, name)
		assert.Equal(t, c.field, p.Field, name)
		assert.Contains(t, p.Detail, c.detail, name)
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	_, ok := Histogram{}.Percentile(0.5)
	assert.False(t, ok)
	for name, c := range map[string]struct {
		calls Histogram
		p     float64
		want  float64
	}{
		"the middle of the first": {Histogram{100}, 0.5, 2.5},
		"inside the second":       {Histogram{50, 50}, 0.75, 7.5},
		"a bound":                 {Histogram{50, 50}, 0.5, 5},
		"over an empty bin":       {Histogram{50, 0, 50}, 0.51, 10.3},
		"without an upper bound":  {Histogram{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99}, 0.99, 5000},
		"one call":                {Histogram{0, 0, 0, 1}, 0.99, 49.8},
	} {
		got, ok := c.calls.Percentile(c.p)
		assert.True(t, ok, name)
		assert.InDelta(t, c.want, got, 0.001, name)
	}
}

// The values are those of R's prop.test(correct=FALSE) and of Wilson's formula by hand.
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hits, tries int64
		low, high   string
	}{
		{0, 1, "0.000000", "0.793451"},
		{1, 1, "0.206549", "1.000000"},
		{50, 100, "0.403832", "0.596168"},
		{0, 100, "0.000000", "0.036993"},
		{250_000, 1_000_000, "0.249152", "0.250850"},
	} {
		low, high, ok := Wilson(c.hits, c.tries)
		require.True(t, ok)
		assert.Equal(t, c.low, low, "%d of %d", c.hits, c.tries)
		assert.Equal(t, c.high, high, "%d of %d", c.hits, c.tries)
	}
	_, _, ok := Wilson(0, 0)
	assert.False(t, ok)
}
