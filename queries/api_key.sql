-- name: APIKeyInsert :exec
INSERT INTO sespan.api_key (key_id, secret_hash, role, name, created_at, expires_at)
VALUES (@key_id, @secret_hash, @role, @name, @created_at, @expires_at);

-- name: APIKeyByID :one
SELECT * FROM sespan.api_key WHERE key_id = @key_id;

-- name: APIKeyList :many
SELECT * FROM sespan.api_key ORDER BY created_at, key_id;

-- name: APIKeyRevoke :one
-- The first revoke stands; a second one changes nothing and finds the key all the same.
UPDATE sespan.api_key SET revoked_at = coalesce(revoked_at, @at::timestamptz)
WHERE key_id = @key_id
RETURNING *;

-- name: APIKeyTouch :exec
-- Locks the rows of these keys for a moment, in the order of their ids, so that
-- two processes cannot wait for each other.
WITH used AS (
    SELECT unnest(@key_id::text[]) AS key_id, unnest(@used_at::timestamptz[]) AS used_at
), locked AS (
    SELECT k.key_id, used.used_at FROM sespan.api_key k JOIN used ON used.key_id = k.key_id
    WHERE k.last_used_at IS NULL OR k.last_used_at < used.used_at
    ORDER BY k.key_id FOR UPDATE OF k
)
UPDATE sespan.api_key k SET last_used_at = locked.used_at
FROM locked WHERE k.key_id = locked.key_id;
