package apilog

import (
	"sync"
	"time"
)

// MaxStandsFor is the most that one row may stand for; the database refuses more.
const MaxStandsFor = 1_000_000

// MinuteRows is how many rows of a group are stored in a minute: the first ones of it
// as they come, and at its end one that stands for all that were left out.
const MinuteRows = 60

const (
	maxGroups = 4096    // at once; what comes beyond shares one group of its type, status and outcome
	crowd     = "crowd" // the quota of that group
	everybody = "all"   // of calls without a quota, when the log has no room
)

// group is what shares the rows of a minute.
type group struct {
	quota       string
	requestType RequestType
	status      int
	outcome     Outcome
}

// tally is the minute of a group.
type tally struct {
	minute int64 // since 1970
	stored int
	left   int   // calls for which no row stands yet
	last   Entry // the latest of them
}

// sampling decides which calls of a quota get a row, so that the weights of the rows
// add up to the calls:
//
//	calls of a minute   1 2 3 … 59   60 61 62 … n
//	rows                1 2 3 … 59              └ one row for n - 59 calls, at the minute's end or at the process's
//
// It is safe for concurrent use.
type sampling struct {
	mu     sync.Mutex
	groups map[group]*tally
}

func newSampling() *sampling { return &sampling{groups: map[group]*tally{}} }

// take gives the entry with its weight, or false when a later row will stand for it.
// rows is how many of its group a minute may have.
func (s *sampling) take(e Entry, rows int, now time.Time) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally(e)
	if minute := now.Unix() / 60; minute != t.minute {
		t.minute, t.stored = minute, 0
	}
	if t.stored >= rows-1 && t.left+1 < MaxStandsFor {
		t.left++
		t.last = e.bare()
		return Entry{}, false
	}
	t.stored++
	e.StandsFor = 1 + t.left
	t.left, t.last = 0, Entry{}
	return e, true
}

// tally gives that of the entry's group; the caller holds mu.
func (s *sampling) tally(e Entry) *tally {
	g := group{e.Quota, e.Type, e.Status, e.Outcome}
	t := s.groups[g]
	if t == nil && len(s.groups) >= maxGroups {
		g.quota = crowd
		t = s.groups[g]
	}
	if t == nil {
		t = &tally{}
		s.groups[g] = t
	}
	return t
}

// settle gives the rows that stand for what was left out in minutes that are over, or
// in all of them. Groups that have been idle since are forgotten.
func (s *sampling) settle(now time.Time, all bool) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	minute := now.Unix() / 60
	var rows []Entry
	for g, t := range s.groups {
		over := t.minute != minute || all
		switch {
		case over && t.left > 0:
			t.last.StandsFor = t.left
			rows = append(rows, t.last)
			t.left, t.last = 0, Entry{}
		case over:
			delete(s.groups, g)
		}
	}
	return rows
}

// putBack takes a row that could not be written: a later one stands for its calls.
func (s *sampling) putBack(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally(e)
	if t.left == 0 {
		t.last = e
	}
	t.left = min(t.left+e.StandsFor, MaxStandsFor)
}
