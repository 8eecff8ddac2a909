package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store := postgres.NewKeys(pool)
	now := time.Now().Truncate(time.Microsecond)
	k := access.Key{ID: "abcdefabcdef", SecretHash: [32]byte{1, 2, 3}, Role: access.RoleAdmin, Name: "x", Created: now, Expires: now.Add(time.Hour)}
	require.NoError(t, store.KeyInsert(t.Context(), k, time.Time{}))
	require.Error(t, store.KeyInsert(t.Context(), k, time.Time{}), "one id, two keys")

	got, err := store.KeyByID(t.Context(), k.ID)
	require.NoError(t, err)
	assert.WithinDuration(t, k.Expires, got.Expires, 0)
	assert.Equal(t, k.SecretHash, got.SecretHash)
	assert.True(t, got.Revoked.IsZero() && got.LastUsed.IsZero())
	_, err = store.KeyByID(t.Context(), "zzzzzzzzzzzz")
	assert.Equal(t, problem.UnknownKey, problem.SlugOf(err))

	require.NoError(t, store.KeyTouch(t.Context(), map[string]time.Time{k.ID: now.Add(time.Minute), "zzzzzzzzzzzz": now}))
	require.NoError(t, store.KeyTouch(t.Context(), map[string]time.Time{k.ID: now})) // another process, a little behind
	got, err = store.KeyRevoke(t.Context(), k.ID, "", now.Add(2*time.Minute))
	require.NoError(t, err)
	assert.WithinDuration(t, now.Add(time.Minute), got.LastUsed, 0)
	got, err = store.KeyRevoke(t.Context(), k.ID, "", now.Add(3*time.Minute))
	require.NoError(t, err)
	assert.WithinDuration(t, now.Add(2*time.Minute), got.Revoked, 0, "the first revoke stands")
	_, err = store.KeyRevoke(t.Context(), "zzzzzzzzzzzz", "", now)
	assert.Equal(t, problem.UnknownKey, problem.SlugOf(err))
	all, err := store.KeyList(t.Context(), "")
	require.NoError(t, err)
	assert.Len(t, all, 1)

	for name, bad := range map[string]access.Key{
		"role":    {ID: "aaaaaaaaaaaa", Role: "root", Name: "x", Created: now},
		"name":    {ID: "aaaaaaaaaaaa", Role: access.RoleAdmin, Created: now},
		"id":      {ID: "AAAAAAAAAAAA", Role: access.RoleAdmin, Name: "x", Created: now},
		"expires": {ID: "aaaaaaaaaaaa", Role: access.RoleAdmin, Name: "x", Created: now, Expires: now},
	} {
		require.Error(t, store.KeyInsert(t.Context(), bad, time.Time{}), name)
	}
}

// The service's own role is enough for the log and the keys, and for no more.
func TestLogAndKeysAsTheServiceRole(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := "service_" + db.Name
	_, err := db.Pool.Exec(t.Context(), `CREATE ROLE `+login+` LOGIN PASSWORD 'x' IN ROLE sespan_service`)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Pool.Exec(context.Background(), `DROP OWNED BY `+login+`; DROP ROLE `+login)
		assert.NoError(t, err)
	})
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URLFor(t, login, "x"), MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	entry := logEntry()
	for range 2 {
		require.NoError(t, postgres.NewAPILog(pool).Insert(t.Context(), []apilog.Entry{entry}))
	}
	store := postgres.NewKeys(pool)
	now := time.Now()
	require.NoError(t, store.KeyInsert(t.Context(), access.Key{ID: "abcdefabcdef", Role: access.RoleService, Name: "x", Created: now}, time.Time{}))
	require.NoError(t, store.KeyTouch(t.Context(), map[string]time.Time{"abcdefabcdef": now}))
	_, err = store.KeyRevoke(t.Context(), "abcdefabcdef", "", now)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE sespan.api_log SET status = 200`)
	require.Error(t, err, "rows of the log are never changed")
	_, err = pool.Exec(t.Context(), `UPDATE sespan.api_key SET role = 'admin'`)
	require.Error(t, err, "a key's role is never changed")
}
