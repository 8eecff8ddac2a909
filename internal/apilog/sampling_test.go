package apilog

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever comes, in whatever order and at whatever time: the rows stand for all calls,
// and no group has more than its rows in a minute.
func TestWeightsAddUp(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 11))
	s, now := newSampling(), time.Unix(1_700_000_000, 0)
	calls, weights := map[group]int{}, map[group]int{}
	rows := map[string]int{}
	write := func(e Entry, when time.Time) {
		g := group{e.Quota, e.Type, e.Status, e.Outcome}
		weights[g] += max(e.StandsFor, 1)
		rows[fmt.Sprint(g, when.Unix()/60)]++
	}
	for range 50_000 {
		now = now.Add(time.Duration(random.IntN(20)) * time.Millisecond)
		e := Entry{Quota: []string{"stranger", "customer 1"}[random.IntN(2)], Type: OTP, Status: 400 + random.IntN(3), Outcome: Failure, Requested: now}
		calls[group{e.Quota, e.Type, e.Status, e.Outcome}]++
		if e, stored := s.take(e, MinuteRows, now); stored {
			write(e, now)
		}
		if random.IntN(2000) == 0 {
			for _, e := range s.settle(now, false) {
				if random.IntN(3) == 0 { // the database is away
					s.putBack(e)
					continue
				}
				write(e, e.Requested)
			}
		}
	}
	for _, e := range s.settle(now, true) {
		write(e, e.Requested)
	}
	assert.Equal(t, calls, weights)
	for g, n := range rows {
		assert.LessOrEqual(t, n, MinuteRows, g)
	}
	assert.Empty(t, s.settle(now, true))
	assert.Empty(t, s.groups, "idle groups are forgotten")
}

func TestNoRowStandsForMoreThanTheDatabaseTakes(t *testing.T) {
	t.Parallel()
	s, now := newSampling(), time.Unix(1_700_000_000, 0)
	weights, rows := 0, 0
	const calls = 2*MaxStandsFor + 77
	for range calls {
		if e, stored := s.take(Entry{Quota: "q"}, 1, now); stored {
			require.LessOrEqual(t, e.StandsFor, MaxStandsFor)
			weights, rows = weights+e.StandsFor, rows+1
		}
	}
	for _, e := range s.settle(now, true) {
		require.LessOrEqual(t, e.StandsFor, MaxStandsFor)
		weights, rows = weights+e.StandsFor, rows+1
	}
	assert.Equal(t, calls, weights)
	assert.Equal(t, 3, rows)
}

// Callers that are without number share one group beyond the first ones, which bounds
// rows and memory.
func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	s, now := newSampling(), time.Unix(1_700_000_000, 0)
	stored, weights := 0, 0
	const callers = maxGroups + 1000
	for i := range callers {
		if e, here := s.take(Entry{Quota: fmt.Sprint("visitor ", i), RequestHeader: Header{string(make([]byte, 8<<10))}}, MinuteRows, now); here {
			stored, weights = stored+1, weights+e.StandsFor
		}
	}
	assert.Equal(t, maxGroups+MinuteRows-1, stored)
	assert.Len(t, s.groups, maxGroups+1)
	for _, e := range s.settle(now, true) {
		weights += e.StandsFor
		assert.Empty(t, e.RequestHeader.json, "what waits is small")
	}
	assert.Equal(t, callers, weights)
}

func TestRoomBecomesLess(t *testing.T) {
	t.Parallel()
	b := newBound(1000)
	for size, want := range map[int64]level{0: open, 949: open, 950: tight, 979: tight, 980: full, 5000: full} {
		b.size.Store(size)
		assert.Equal(t, want, b.level(1), size)
	}
	b.size.Store(900)
	b.add(25) // twice: others may have written as much
	assert.Equal(t, tight, b.level(1))
	assert.Len(t, b.measure, 1, "it is measured again")
	assert.Equal(t, open, newBound(0).level(1<<40), "no bound")
}
