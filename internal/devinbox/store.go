package devinbox

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// entry is a mail that was received.
type entry struct {
	id         int64
	received   time.Time
	sender     string   // envelope
	recipients []string // envelope
	raw        []byte
	parsed     parsed
	seen       bool
}

// store keeps the newest mails, oldest first.
type store struct {
	keep     int
	maxBytes int64
	now      func() time.Time

	mu      sync.Mutex
	entries []*entry
	bytes   int64
	lastID  int64
	version int64         // grows with every change
	changed chan struct{} // closed by the next change
}

func newStore(keep int, maxBytes int64, now func() time.Time) *store {
	return &store{keep: keep, maxBytes: maxBytes, now: now, changed: make(chan struct{})}
}

func (s *store) add(e *entry) int64 {
	e.parsed = parse(e.raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	e.id, e.received = s.lastID, s.now()
	s.entries = append(s.entries, e)
	s.bytes += int64(len(e.raw))
	for len(s.entries) > s.keep || s.bytes > s.maxBytes && len(s.entries) > 1 {
		s.bytes -= int64(len(s.entries[0].raw))
		s.entries = slices.Delete(s.entries, 0, 1)
	}
	s.change()
	return e.id
}

// change needs the lock.
func (s *store) change() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

// filter picks mails: to is an exact envelope recipient, query a part of the
// addresses or the subject; both ignore case.
type filter struct{ to, query string }

func (f filter) matches(e *entry) bool {
	if f.to != "" && !slices.ContainsFunc(e.recipients, func(r string) bool { return strings.EqualFold(r, f.to) }) {
		return false
	}
	text := strings.Join(append([]string{e.sender, e.parsed.from, e.parsed.to, e.parsed.subject}, e.recipients...), "\n")
	return strings.Contains(strings.ToLower(text), strings.ToLower(f.query))
}

// list is the newest first, the store's version, and a channel that closes when
// that is no longer true.
func (s *store) list(f filter) (found []entry, version int64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.entries) {
		if f.matches(e) {
			found = append(found, *e)
		}
	}
	return found, s.version, s.changed
}

// get gives one mail; see marks it as read.
func (s *store) get(id int64, see bool) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return entry{}, false
	}
	e := s.entries[i]
	if see && !e.seen {
		e.seen = true
		s.change()
	}
	return *e, true
}

// index needs the lock; -1 when there is no such mail.
func (s *store) index(id int64) int {
	return slices.IndexFunc(s.entries, func(e *entry) bool { return e.id == id })
}

func (s *store) remove(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return false
	}
	s.bytes -= int64(len(s.entries[i].raw))
	s.entries = slices.Delete(s.entries, i, i+1)
	s.change()
	return true
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.bytes = nil, 0
	s.change()
}
