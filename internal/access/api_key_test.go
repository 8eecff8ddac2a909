package access_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/problem"
)

// keyStore keeps keys in memory and counts the look-ups.
type keyStore struct {
	mu      sync.Mutex
	keys    map[string]access.Key
	lookups int
	err     error
	block   chan struct{} // look-ups of invented ids wait for it, when not nil
}

func (s *keyStore) KeyByID(_ context.Context, id string) (access.Key, error) {
	s.mu.Lock()
	s.lookups++
	k, ok := s.keys[id]
	err, block := s.err, s.block
	s.mu.Unlock()
	if err != nil {
		return access.Key{}, err
	}
	if !ok {
		if block != nil {
			<-block
		}
		return access.Key{}, problem.New(problem.UnknownKey, "no such key")
	}
	return k, nil
}

func (s *keyStore) KeyTouch(_ context.Context, used map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range used {
		k := s.keys[id]
		k.LastUsed = at
		s.keys[id] = k
	}
	return s.err
}

func (s *keyStore) KeyInsert(_ context.Context, k access.Key, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.ID] = k
	return s.err
}

func (s *keyStore) KeyList(context.Context, string) ([]access.Key, error) { return nil, s.err }

func (s *keyStore) KeyRotate(_ context.Context, id string, _ time.Time, decide func(access.Rotated) (access.Rotation, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.keys[id]
	if !ok {
		return problem.New(problem.UnknownKey, "no such key")
	}
	r, err := decide(access.Rotated{Key: old})
	if err != nil {
		return err
	}
	old.Revoked, old.Expires = r.Revoked, r.Expires
	s.keys[id], s.keys[r.Next.ID] = old, r.Next
	return s.err
}

func (s *keyStore) KeyRevoke(_ context.Context, id, _ string, at time.Time) (access.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[id]
	if !ok {
		return k, problem.New(problem.UnknownKey, "no such key")
	}
	k.Revoked = at
	s.keys[id] = k
	return k, nil
}

func keysOf(t *testing.T) (*keyStore, *clock, access.KeyAdmin, *access.Authenticator) {
	t.Helper()
	s, c := &keyStore{keys: map[string]access.Key{}}, &clock{now: start}
	return s, c, access.KeyAdmin{Store: s, Clock: c.Now}, access.NewAuthenticator(s, c.Now, slog.New(slog.DiscardHandler))
}

func TestKeyFromMakingToRevoking(t *testing.T) {
	t.Parallel()
	s, c, keeper, a := keysOf(t)
	key, whole, err := keeper.Create(t.Context(), access.RoleService, " django ", time.Hour)
	require.NoError(t, err)
	assert.Regexp(t, `^sk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$`, whole)
	assert.Equal(t, sha256.Sum256([]byte(whole[len("sk_")+13:])), key.SecretHash)
	assert.Equal(t, "django", key.Name)

	p, err := a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	assert.Equal(t, access.Principal{Kind: access.KindKey, Roles: []access.Role{access.RoleService}, KeyID: key.ID, Name: "django"}, p)
	for range 10 {
		_, err = a.Authenticate(t.Context(), whole)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, s.lookups, "the cache was not used")
	a.Flush(t.Context())
	assert.Equal(t, start, s.keys[key.ID].LastUsed)

	_, err = keeper.Revoke(t.Context(), whole)
	require.NoError(t, err)
	c.add(5 * time.Second)
	_, err = a.Authenticate(t.Context(), whole)
	assert.Equal(t, problem.Unauthorized, problem.SlugOf(err), "a revoked key works on")
}

func TestKeyExpires(t *testing.T) {
	t.Parallel()
	_, c, keeper, a := keysOf(t)
	_, whole, err := keeper.Create(t.Context(), access.RoleReport, "x", 3*time.Second)
	require.NoError(t, err)
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	c.add(3 * time.Second) // from the cache, and expired all the same
	_, err = a.Authenticate(t.Context(), whole)
	require.Error(t, err)
}

func TestOneAnswerForEveryBadKey(t *testing.T) {
	t.Parallel()
	s, _, keeper, a := keysOf(t)
	key, whole, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.NoError(t, err)
	revoked, gone, err := keeper.Create(t.Context(), access.RoleService, "y", 0)
	require.NoError(t, err)
	_, err = keeper.Revoke(t.Context(), revoked.ID)
	require.NoError(t, err)
	flip := byte('A')
	if whole[len(whole)-5] == flip {
		flip = 'B'
	}
	for name, presented := range map[string]string{
		"wrong secret": whole[:len(whole)-5] + string(flip) + whole[len(whole)-4:],
		"unknown id":   "sk_aaaaaaaaaaaa" + whole[15:],
		"revoked":      gone,
		"short":        whole[:len(whole)-1],
		"long":         whole + "A",
		"only the id":  "sk_" + key.ID,
		"capital id":   "sk_" + strings.ToUpper(key.ID) + whole[15:],
		"hostile id":   "sk_' OR 1=1 -" + whole[13:],
		"no separator": whole[:15] + "-" + whole[16:],
		"empty":        "",
		"only prefix":  "sk_",
	} {
		p, err := a.Authenticate(t.Context(), presented)
		require.Error(t, err, name)
		assert.Empty(t, p, name)
		assert.Equal(t, "unauthorized: Send Authorization: Bearer with a valid service key or token.", err.Error(), name)
	}
	before := s.lookups
	_, err = a.Authenticate(t.Context(), "sk_aaaaaaaaaaaa"+whole[15:])
	require.Error(t, err)
	assert.Equal(t, before, s.lookups, "an unknown id is remembered too")
}

func TestADatabaseThatIsAwayIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	s, _, keeper, a := keysOf(t)
	_, whole, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.NoError(t, err)
	s.err = problem.New(problem.Unavailable, "away")
	_, err = a.Authenticate(t.Context(), whole)
	require.ErrorIs(t, err, s.err)
	s.err = nil
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err, "a failure was cached")
}

func TestAFloodOfInventedKeysHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s, c, keeper, a := keysOf(t)
	_, whole, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.NoError(t, err)
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	s.block = make(chan struct{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := a.Authenticate(context.Background(), fmt.Sprintf("sk_aaaaaaaaa%03d%s", i, whole[15:]))
			assert.Error(t, err)
		})
	}
	c.add(time.Minute) // the cached key has to be looked up again
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	close(s.block)
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	s, _, keeper, a := keysOf(t)
	_, whole, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.NoError(t, err)
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	for i := range 3000 {
		_, err := a.Authenticate(t.Context(), fmt.Sprintf("sk_aaaaaaaa%04d%s", i, whole[15:]))
		require.Error(t, err)
	}
	before := s.lookups
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	assert.Equal(t, before, s.lookups, "invented ids pushed a real key out of the cache")
}

func TestCreateRefusesBadInput(t *testing.T) {
	t.Parallel()
	_, _, keeper, _ := keysOf(t)
	for name, c := range map[string]struct {
		role access.Role
		name string
		life time.Duration
	}{
		"unknown role":   {"root", "x", 0},
		"customer":       {access.RoleCustomer, "x", 0},
		"no name":        {access.RoleService, "  ", 0},
		"long name":      {access.RoleService, strings.Repeat("é", 101), 0},
		"line end":       {access.RoleService, "a\nb", 0},
		"invalid UTF-8":  {access.RoleService, "a\xff", 0},
		"negative life":  {access.RoleService, "x", -time.Second},
		"terminal codes": {access.RoleService, "\x1b[2J", 0},
	} {
		_, whole, err := keeper.Create(t.Context(), c.role, c.name, c.life)
		assert.Equal(t, problem.Invalid, problem.SlugOf(err), name)
		assert.Empty(t, whole, name)
	}
	keeper.Random = bytes.NewReader(make([]byte, 10))
	_, _, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.Error(t, err)
	for _, id := range []string{"", "x", "aaaaaaaaaaaa", "sk_", "'; DROP TABLE"} {
		_, err = keeper.Revoke(t.Context(), id)
		assert.Equal(t, problem.UnknownKey, problem.SlugOf(err), id)
	}
}

func TestRunNotesTheLastUseWhenItEnds(t *testing.T) {
	t.Parallel()
	s, _, keeper, a := keysOf(t)
	key, whole, err := keeper.Create(t.Context(), access.RoleService, "x", 0)
	require.NoError(t, err)
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, a.Run(ctx))
	assert.Equal(t, start, s.keys[key.ID].LastUsed)

	s.err = errors.New("away")
	_, err = a.Authenticate(t.Context(), whole)
	require.NoError(t, err)
	a.Flush(t.Context()) // only logs
}
