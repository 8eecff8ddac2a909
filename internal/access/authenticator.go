package access

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"sespan/internal/problem"
)

const (
	keyCacheTTL       = 5 * time.Second // a revoked key may still work for so long
	keyCacheSize      = 1024
	lookupTimeout     = 2 * time.Second
	touchInterval     = time.Minute
	finalTouchTimeout = 2 * time.Second
	maxUnknownLookups = 2 // at once
)

// KeyReader finds service keys. KeyByID's error for an unknown key is a
// problem.UnknownKey; KeyTouch stores their latest uses.
type KeyReader interface {
	KeyByID(ctx context.Context, id string) (Key, error)
	KeyTouch(ctx context.Context, used map[string]time.Time) error
}

// Authenticator checks presented service keys. It is safe for concurrent use.
type Authenticator struct {
	store   KeyReader
	clock   func() time.Time
	logger  *slog.Logger
	known   cache[Key]
	unknown cache[struct{}] // apart, so that a flood of invented ids evicts no real key
	lookups singleflight.Group
	// unknownLookups limits the look-ups of ids that were never seen: a flood of
	// invented keys takes no connections from real callers.
	unknownLookups chan struct{}

	mu   sync.Mutex
	used map[string]time.Time
}

// NewAuthenticator makes an authenticator; Run keeps the times of last use.
func NewAuthenticator(store KeyReader, clock func() time.Time, logger *slog.Logger) *Authenticator {
	return &Authenticator{
		store: store, clock: clock, logger: logger,
		unknownLookups: make(chan struct{}, maxUnknownLookups), used: map[string]time.Time{},
	}
}

// Authenticate gives the principal of a presented key. Errors: problem.Unauthorized,
// the same for a key that is malformed, unknown, wrong, expired or revoked;
// problem.Unavailable when the key cannot be looked up.
func (a *Authenticator) Authenticate(ctx context.Context, presented string) (Principal, error) {
	id, secret, ok := parseKey(presented)
	if !ok {
		return Principal{}, unauthorized()
	}
	key, err := a.find(ctx, id)
	if err != nil {
		return Principal{}, err
	}
	now := a.clock()
	// The comparison is made for an unknown key too (with the zero hash): what is
	// wrong with a key shows neither in the answer nor in its time.
	if !key.matches(secret) || key.ID == "" || !key.Live(now) {
		return Principal{}, unauthorized()
	}
	a.mu.Lock()
	a.used[key.ID] = now
	a.mu.Unlock()
	return Principal{Kind: KindKey, Roles: []Role{key.Role}, KeyID: key.ID, Name: key.Name}, nil
}

const unauthorizedDetail = "Send Authorization: Bearer with a valid service key or token."

func unauthorized() error { return problem.New(problem.Unauthorized, unauthorizedDetail) }

// find gives the key, or the zero Key for an unknown id.
func (a *Authenticator) find(ctx context.Context, id string) (Key, error) {
	now := a.clock()
	if key, ok := a.known.get(id, now); ok {
		return key, nil
	}
	if _, ok := a.unknown.get(id, now); ok {
		return Key{}, nil
	}
	found, err, _ := a.lookups.Do(id, func() (any, error) { return a.load(ctx, id) })
	if err != nil {
		return Key{}, err
	}
	return found.(Key), nil //nolint:forcetypeassert // load gives a Key
}

// load runs once for all callers that wait, so it must outlast the first of them.
func (a *Authenticator) load(ctx context.Context, id string) (Key, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	if !a.known.contains(id) {
		select {
		case a.unknownLookups <- struct{}{}:
			defer func() { <-a.unknownLookups }()
		case <-ctx.Done():
			return Key{}, problem.New(problem.Unavailable, "Too many unknown keys are being looked up.").WithRetryAfter(time.Second)
		}
	}
	key, err := a.store.KeyByID(ctx, id)
	until := a.clock().Add(keyCacheTTL)
	switch {
	case err == nil:
		a.known.put(id, key, until)
		return key, nil
	case problem.SlugOf(err) == problem.UnknownKey:
		a.unknown.put(id, struct{}{}, until)
		return Key{}, nil
	}
	return Key{}, err
}

// Run writes the times of last use once a minute, and once more when ctx ends.
func (a *Authenticator) Run(ctx context.Context) error {
	ticker := time.NewTicker(touchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTouchTimeout)
			defer cancel()
			a.Flush(last)
			return nil
		case <-ticker.C:
			a.Flush(ctx)
		}
	}
}

// Flush writes the times of last use since the last Flush. A failure only loses
// these times, and is logged.
func (a *Authenticator) Flush(ctx context.Context) {
	a.mu.Lock()
	used := a.used
	a.used = map[string]time.Time{}
	a.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := a.store.KeyTouch(ctx, used); err != nil {
		a.logger.WarnContext(ctx, "the last use of service keys could not be stored", "keys", len(used), "error", err)
	}
}

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
