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

// KeyByID gives a key, revoked or expired ones too. Errors: problem.UnknownKey.
func (s *Keys) KeyByID(ctx context.Context, id string) (access.Key, error) {
	row, err := s.pool.queries.APIKeyByID(ctx, s.pool, id)
	return keyOf(row), keyError(err)
}

// KeyInsert stores a new key: see access.KeyStore.
func (s *Keys) KeyInsert(ctx context.Context, k access.Key, toldAfter time.Time) error {
	if k.OwnerID != "" {
		return s.insertOwned(ctx, k, toldAfter)
	}
	return mapError(s.pool.asActor(ctx, func(tx *batchTx) error { return s.insert(ctx, tx, k) }))
}

func (s *Keys) insert(ctx context.Context, tx *batchTx, k access.Key) error {
	return s.pool.queries.APIKeyInsert(ctx, tx, &dbsqlc.APIKeyInsertParams{
		KeyID: k.ID, SecretHash: k.SecretHash[:], Role: string(k.Role), Name: k.Name, OwnerID: textOrNull(k.OwnerID), OwnerName: textOrNull(k.OwnerName),
		Replaces: textOrNull(k.Replaces), CreatedAt: k.Created, ExpiresAt: timeOrNull(k.Expires),
	})
}

func (s *Keys) insertOwned(ctx context.Context, k access.Key, toldAfter time.Time) error {
	q := s.pool.queries
	var made dbsqlc.APIKeyInsertOwnedRow
	err := s.pool.asActor(ctx, func(tx *batchTx) (err error) {
		if err := q.APIKeyLockOwner(ctx, tx, k.OwnerID); err != nil {
			return err
		}
		made, err = q.APIKeyInsertOwned(ctx, tx.thenCommit(), &dbsqlc.APIKeyInsertOwnedParams{
			KeyID: k.ID, SecretHash: k.SecretHash[:], Role: string(k.Role), Name: k.Name, OwnerID: k.OwnerID, OwnerName: k.OwnerName,
			CreatedAt: k.Created, ExpiresAt: timeOrNull(k.Expires), Most: access.MaxOwnKeys, ToldAfter: toldAfter,
		})
		return err
	})
	switch {
	case err != nil:
		return mapError(err)
	case made.HasLost:
		return problem.New(problem.Forbidden, access.LostRight)
	case made.HasMost:
		return problem.Newf(problem.Conflict, "You have %d live keys, which is the most: revoke one that you do not use.", access.MaxOwnKeys)
	}
	return nil
}

// KeyList gives every key, or those of an owner, the oldest first.
func (s *Keys) KeyList(ctx context.Context, ownerID string) ([]access.Key, error) {
	rows, err := s.pool.queries.APIKeyList(ctx, s.pool, ownerID)
	if err != nil {
		return nil, mapError(err)
	}
	keys := make([]access.Key, len(rows))
	for i, row := range rows {
		keys[i] = keyOf(row)
	}
	return keys, nil
}

// KeyRevoke revokes a key, once, and gives it. Errors: problem.UnknownKey.
func (s *Keys) KeyRevoke(ctx context.Context, id, ownerID string, at time.Time) (access.Key, error) {
	var row dbsqlc.SespanApiKey
	err := s.pool.asActor(ctx, func(tx *batchTx) (err error) {
		row, err = s.pool.queries.APIKeyRevoke(ctx, tx.thenCommit(), at, id, ownerID)
		return err
	})
	return keyOf(row), keyError(err)
}

// KeyRotate rotates a key as decide says: see access.KeyStore. What decide says is
// given as it is.
func (s *Keys) KeyRotate(ctx context.Context, id string, toldAfter time.Time, decide func(access.Rotated) (access.Rotation, error)) error {
	q := s.pool.queries
	return keyError(s.pool.asActor(ctx, func(tx *batchTx) error {
		if err := q.APIKeyLockPeople(ctx, tx); err != nil {
			return err
		}
		old, err := q.APIKeyLock(ctx, tx, id)
		if err != nil {
			return err
		}
		more, err := q.APIKeyLocked(ctx, tx, toldAfter, id)
		if err != nil {
			return err
		}
		r, err := decide(access.Rotated{Key: keyOf(old), Successor: more.Successor, Lost: more.HasLost})
		if err != nil {
			return err
		}
		if err := s.insert(ctx, tx, r.Next); err != nil {
			return err
		}
		return q.APIKeyEnd(ctx, tx, timeOrNull(r.Revoked), timeOrNull(r.Expires), id)
	}))
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
		return problem.New(problem.UnknownKey, "There is no key with this id.")
	}
	return mapError(err)
}

func keyOf(row dbsqlc.SespanApiKey) access.Key {
	k := access.Key{
		ID: row.KeyID, Role: access.Role(row.Role), Name: row.Name, Created: row.CreatedAt,
		OwnerID: textOrEmpty(row.OwnerID), OwnerName: textOrEmpty(row.OwnerName), Replaces: textOrEmpty(row.Replaces),
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

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func textOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Compared tells how many live keys people have, and when people were last compared
// with them; zero for never.
func (s *Keys) Compared(ctx context.Context) (keys int64, at time.Time, err error) {
	row, err := s.pool.queries.APIKeyComparison(ctx, s.pool)
	return row.Keys, timeOrZero(row.ComparedAt), mapError(err)
}
