package apilog

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeLog has one row each hour, and remembers what was looked at.
type fakeLog struct {
	now    time.Time
	spans  []time.Duration
	along  Index
	each   func() // called for each look
	misses bool   // nothing matches
	end    *Position
}

func (f *fakeLog) RowPage(_ context.Context, along Index, filter Filter, before Position, _, n int) ([]Row, *Position, error) {
	f.along = along
	f.spans = append(f.spans, before.Time.Sub(filter.From))
	if f.each != nil {
		f.each()
	}
	var rows []Row
	for at := before.Time.Truncate(time.Hour); len(rows) < n && !at.Before(filter.From) && !f.misses; at = at.Add(-time.Hour) {
		if at.Before(before.Time) {
			rows = append(rows, Row{Requested: at})
		}
	}
	return rows, f.end, nil
}

func (f *fakeLog) RowByID(context.Context, uuid.UUID, time.Time, time.Time) (RowDetail, error) {
	return RowDetail{}, nil
}

func newFakeSearch() (*fakeLog, *Search) {
	f := &fakeLog{now: time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)}
	return f, NewSearch(f, func() time.Time { return f.now })
}

func TestSearchGoesBackInGrowingSpans(t *testing.T) {
	t.Parallel()
	f, s := newFakeSearch()
	page, err := s.Find(t.Context(), Filter{}, nil, 20)
	require.NoError(t, err)
	assert.Len(t, page.Rows, 20)
	assert.Equal(t, []time.Duration{24 * time.Hour}, f.spans, "the newest day is enough")

	f.spans, f.misses = nil, true
	page, err = s.Find(t.Context(), Filter{}, nil, 20)
	require.NoError(t, err)
	assert.Empty(t, page.Rows)
	assert.Nil(t, page.Next, "seven days were looked through")
	assert.Equal(t, []time.Duration{24 * time.Hour, 48 * time.Hour, 96 * time.Hour}, f.spans)

	f.spans, f.misses = nil, false
	page, err = s.Find(t.Context(), Filter{}, nil, 150)
	require.NoError(t, err)
	require.Len(t, page.Rows, 150, "over the spans' borders")
	for i, r := range page.Rows {
		assert.Equal(t, f.now.Truncate(time.Hour).Add(-time.Duration(i)*time.Hour), r.Requested)
	}
	assert.Equal(t, page.Rows[149].Requested, page.Next.Time)
}

func TestSearchEndsInTime(t *testing.T) {
	t.Parallel()
	f, s := newFakeSearch()
	f.misses = true
	f.each = func() { f.now = f.now.Add(60 * time.Millisecond) }
	page, err := s.Find(t.Context(), Filter{From: f.now.AddDate(-1, 0, 0)}, nil, 20)
	require.NoError(t, err)
	assert.Len(t, f.spans, 2)
	require.NotNil(t, page.Next, "the caller goes on from there")
	assert.Equal(t, f.now.Add(clockSlack-120*time.Millisecond-72*time.Hour), page.Next.Time)

	f.end = &Position{Time: f.now.Add(-time.Hour)}
	page, err = s.Find(t.Context(), Filter{}, nil, 20)
	require.NoError(t, err)
	assert.Equal(t, f.end, page.Next, "the walk ended at its bound")
}

func TestSearchChoosesTheShortestWalk(t *testing.T) {
	t.Parallel()
	f, s := newFakeSearch()
	id := uuid.Must(uuid.NewV7())
	for want, filter := range map[Index]Filter{
		ByTime: {Type: OTP, Status: 200, Outcome: Failure}, ByCustomer: {CustomerID: new(int64(1)), Status: 404}, ByStatus: {Status: 404, Type: Admin}, ByType: {Type: Admin, Status: 201},
	} {
		_, err := s.Find(t.Context(), filter, nil, 1)
		require.NoError(t, err)
		assert.Equal(t, want, f.along)
	}
	f.spans = nil
	_, err := s.Find(t.Context(), Filter{ResponseID: &id}, nil, 1)
	require.NoError(t, err)
	assert.LessOrEqual(t, f.spans[0], 2*clockSlack, "an id says when")
	assert.WithinDuration(t, time.Now(), TimeOf(id), time.Minute)
}
