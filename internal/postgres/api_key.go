package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/access"
	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
)

// Keys stores service keys: access.KeyReader and access.KeyStore.
type Keys struct{ pool *Pool }

// NewKeys makes the store.
func NewKeys(pool *Pool) *Keys { return &Keys{pool} }

// KeyByID gives a key, revoked or expired ones too. Errors: problem.NotFound.
func (s *Keys) KeyByID(ctx context.Context, id string) (access.Key, error) {
	row, err := s.pool.queries.APIKeyByID(ctx, s.pool, id)
	return keyOf(row), keyError(err)
}

// KeyInsert stores a new key.
func (s *Keys) KeyInsert(ctx context.Context, k access.Key) error {
	p := &dbsqlc.APIKeyInsertParams{
		KeyID: k.ID, SecretHash: k.SecretHash[:], Role: string(k.Role), Name: k.Name, CreatedAt: k.Created,
	}
	if !k.Expires.IsZero() {
		p.ExpiresAt = &k.Expires
	}
	return mapError(s.pool.queries.APIKeyInsert(ctx, s.pool, p))
}

// KeyList gives every key, the oldest first.
func (s *Keys) KeyList(ctx context.Context) ([]access.Key, error) {
	rows, err := s.pool.queries.APIKeyList(ctx, s.pool)
	if err != nil {
		return nil, mapError(err)
	}
	keys := make([]access.Key, len(rows))
	for i, row := range rows {
		keys[i] = keyOf(row)
	}
	return keys, nil
}

// KeyRevoke revokes a key, once, and gives it. Errors: problem.NotFound.
func (s *Keys) KeyRevoke(ctx context.Context, id string, at time.Time) (access.Key, error) {
	row, err := s.pool.queries.APIKeyRevoke(ctx, s.pool, at, id)
	return keyOf(row), keyError(err)
}

// KeyTouch notes the latest uses, by key id; it never turns one back.
func (s *Keys) KeyTouch(ctx context.Context, used map[string]time.Time) error {
	ids, times := make([]string, 0, len(used)), make([]time.Time, 0, len(used))
	for id, at := range used {
		ids, times = append(ids, id), append(times, at)
	}
	return mapError(s.pool.queries.APIKeyTouch(ctx, s.pool, ids, times))
}

func keyError(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.NotFound, "There is no key with this id.")
	}
	return mapError(err)
}

func keyOf(row dbsqlc.SespanApiKey) access.Key {
	k := access.Key{
		ID: row.KeyID, Role: access.Role(row.Role), Name: row.Name, Created: row.CreatedAt,
		Expires: timeOrZero(row.ExpiresAt), Revoked: timeOrZero(row.RevokedAt), LastUsed: timeOrZero(row.LastUsedAt),
	}
	copy(k.SecretHash[:], row.SecretHash)
	return k
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
