package access

import (
	"sync"
	"time"
)

// cache keeps values for a short while, at most keyCacheSize of them. The zero
// value is empty and ready. It is safe for concurrent use.
type cache[V any] struct {
	mu      sync.Mutex
	entries map[string]cached[V]
}

type cached[V any] struct {
	value V
	until time.Time
}

func (c *cache[V]) get(id string, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	if !ok || !now.Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// contains tells whether the value is there, fresh or not.
func (c *cache[V]) contains(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.entries[id]
	return ok
}

// put stores a value; a full cache is emptied first, which costs its users one
// look-up each.
func (c *cache[V]) put(id string, value V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= keyCacheSize {
		c.entries = make(map[string]cached[V])
	}
	c.entries[id] = cached[V]{value, until}
}
