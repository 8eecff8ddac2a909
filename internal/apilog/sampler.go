package apilog

import (
	"sync"
	"time"
)

// MaxStandsFor is the most that one row may stand for; the database refuses more.
const MaxStandsFor = 1_000_000

// Sampler lets the first few events of each second pass, and tells each of them how
// many were left out before it. Its zero value lets none pass. It is safe for
// concurrent use.
type Sampler struct {
	PerSecond int

	mu     sync.Mutex
	second int64
	passed int
	left   int
}

// Allow tells whether the event at now is one of the first of its second.
func (s *Sampler) Allow(now time.Time) bool { return s.Take(now) > 0 }

// Take gives how many events the one at now stands for: itself and those that were
// left out since the last that passed, or 0 when it is left out itself.
func (s *Sampler) Take(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := now.Unix(); t != s.second {
		s.second, s.passed = t, 0
	}
	if s.passed >= s.PerSecond {
		s.left++
		return 0
	}
	s.passed++
	standsFor := min(1+s.left, MaxStandsFor)
	s.left -= standsFor - 1
	return standsFor
}
