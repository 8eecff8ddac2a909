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
	keyCacheLife   = 5 * time.Second // so long may a revoked key still work
	keyCacheSize   = 1024
	keyLookup      = 2 * time.Second
	touchEvery     = time.Minute
	closingTouches = 2 * time.Second
	strangeLookups = 2 // at once
)

// KeyReader finds service keys. KeyByID's error for an unknown key is a
// problem.NotFound; KeyTouch notes their latest uses.
type KeyReader interface {
	KeyByID(ctx context.Context, id string) (Key, error)
	KeyTouch(ctx context.Context, used map[string]time.Time) error
}

// Authenticator checks presented service keys. It is safe for concurrent use.
type Authenticator struct {
	store  KeyReader
	clock  func() time.Time
	logger *slog.Logger
	known  cache[Key]
	absent cache[struct{}] // apart, so that a flood of invented ids evicts no real key
	flight singleflight.Group
	// strange is taken by the look-up of an id that was never seen: a flood of
	// invented keys waits for itself, not real callers for connections.
	strange chan struct{}

	mu   sync.Mutex
	used map[string]time.Time
}

// NewAuthenticator makes an authenticator; Run keeps the times of last use.
func NewAuthenticator(store KeyReader, clock func() time.Time, logger *slog.Logger) *Authenticator {
	return &Authenticator{
		store: store, clock: clock, logger: logger,
		strange: make(chan struct{}, strangeLookups), used: map[string]time.Time{},
	}
}

// Authenticate gives the principal of a presented key. Errors: problem.Unauthorized,
// the same for a key that is malformed, unknown, wrong, expired or revoked;
// problem.Unavailable when the key cannot be looked up.
func (a *Authenticator) Authenticate(ctx context.Context, presented string) (Principal, error) {
	id, secret, ok := split(presented)
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
	return Principal{Kind: KindKey, Roles: []Role{key.Role}, KeyID: key.ID}, nil
}

const unauthorizedDetail = "Send Authorization: Bearer with a valid service key or token."

func unauthorized() error { return problem.New(problem.Unauthorized, unauthorizedDetail) }

// find gives the key, or the zero Key for an unknown id.
func (a *Authenticator) find(ctx context.Context, id string) (Key, error) {
	now := a.clock()
	if key, ok := a.known.get(id, now); ok {
		return key, nil
	}
	if _, ok := a.absent.get(id, now); ok {
		return Key{}, nil
	}
	found, err, _ := a.flight.Do(id, func() (any, error) { return a.load(ctx, id) })
	if err != nil {
		return Key{}, err
	}
	return found.(Key), nil //nolint:forcetypeassert // load gives a Key
}

// load runs once for all callers that wait, so it must outlast the first of them.
func (a *Authenticator) load(ctx context.Context, id string) (Key, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyLookup)
	defer cancel()
	if !a.known.holds(id) {
		select {
		case a.strange <- struct{}{}:
			defer func() { <-a.strange }()
		case <-ctx.Done():
			return Key{}, problem.New(problem.Unavailable, "Too many unknown keys are being looked up.").After(time.Second)
		}
	}
	key, err := a.store.KeyByID(ctx, id)
	until := a.clock().Add(keyCacheLife)
	switch {
	case err == nil:
		a.known.put(id, key, until)
		return key, nil
	case problem.SlugOf(err) == problem.NotFound:
		a.absent.put(id, struct{}{}, until)
		return Key{}, nil
	}
	return Key{}, err
}

// Run writes the times of last use once a minute, and once more when ctx ends.
func (a *Authenticator) Run(ctx context.Context) error {
	ticker := time.NewTicker(touchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTouches)
			defer cancel()
			a.Flush(last)
			return nil
		case <-ticker.C:
			a.Flush(ctx)
		}
	}
}

// Flush writes the times of last use that have gathered. A failure only costs
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
		a.logger.WarnContext(ctx, "last use of service keys was not noted", "keys", len(used), "error", err)
	}
}
