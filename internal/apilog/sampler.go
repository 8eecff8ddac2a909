package apilog

import (
	"sync"
	"time"
)

// Sampler lets the first few events of each second pass. Its zero value lets none
// pass. It is safe for concurrent use.
type Sampler struct {
	PerSecond int

	mu     sync.Mutex
	second int64
	passed int
}

// Allow tells whether the event at now is one of the first of its second.
func (s *Sampler) Allow(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := now.Unix(); t != s.second {
		s.second, s.passed = t, 0
	}
	if s.passed >= s.PerSecond {
		return false
	}
	s.passed++
	return true
}
