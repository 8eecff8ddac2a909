-- name: APIKeyInsert :exec
INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name, replaces, created_at, expires_at)
VALUES (@key_id, @secret_hash, @role, @name, @owner_id, @owner_name, @replaces, @created_at, @expires_at);

-- name: APIKeyLockOwner :exec
-- Until the commit nobody tells of people's rights, and nobody else makes a key for
-- this person: their number is counted and the rights are looked at under it.
SELECT sespan.people_lock_shared(), pg_advisory_xact_lock(hashtextextended('sespan keys of ' || @owner_id::text, 0));

-- name: APIKeyInsertOwned :one
-- A person's key, unless they have the most already, or have been told to have lost
-- the right since their token was made.
WITH owner AS (
    SELECT (SELECT count(*) FROM sespan.api_key k
            WHERE k.owner_id = @owner_id::text AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @created_at::timestamptz)) >= @most::bigint AS has_most,
           EXISTS (SELECT FROM sespan.people_role p
                   WHERE p.person_id = @owner_id::text AND p.changed_at > @told_after::timestamptz AND NOT sespan.key_covered(@role::text, p.roles)) AS has_lost
), made AS (
    INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name, created_at, expires_at)
    SELECT @key_id::text, @secret_hash::bytea, @role::text, @name::text, @owner_id::text, @owner_name::text, @created_at::timestamptz, sqlc.narg(expires_at)::timestamptz
    FROM owner WHERE NOT has_most AND NOT has_lost
)
SELECT has_most, has_lost FROM owner;

-- name: APIKeyByID :one
SELECT * FROM sespan.api_key WHERE key_id = @key_id;

-- name: APIKeyList :many
-- The oldest first, all or those of a person.
SELECT * FROM sespan.api_key WHERE @owner_id::text = '' OR owner_id = @owner_id::text ORDER BY created_at, key_id;

-- name: APIKeyRevoke :one
-- The first revoke stands; a second one changes nothing and finds the key all the same.
-- With an owner only a key of theirs.
UPDATE sespan.api_key SET revoked_at = coalesce(revoked_at, @at::timestamptz)
WHERE key_id = @key_id AND (@owner_id::text = '' OR owner_id = @owner_id::text)
RETURNING *;

-- name: APIKeyLockPeople :exec
-- Until the commit nobody tells of people's rights.
SELECT sespan.people_lock_shared();

-- name: APIKeyLock :one
-- Locks the key that is rotated: a second rotation and a revocation wait, and then
-- see what became of it.
SELECT * FROM sespan.api_key WHERE key_id = @key_id FOR UPDATE;

-- name: APIKeyLocked :one
-- After these locks: the key that stands in this one's place already ('' for none),
-- and whether its owner was told to have lost the right to it.
SELECT coalesce((SELECT s.key_id FROM sespan.api_key s WHERE s.replaces = k.key_id), '')::text AS successor,
       EXISTS (SELECT FROM sespan.people_role p
               WHERE p.person_id = k.owner_id AND p.changed_at > @told_after::timestamptz AND NOT sespan.key_covered(k.role, p.roles)) AS has_lost
FROM sespan.api_key k WHERE k.key_id = @key_id;

-- name: APIKeyEnd :exec
-- Ends the key that was rotated, which is locked: at once, or when the overlap is over.
UPDATE sespan.api_key SET revoked_at = sqlc.narg(revoked_at)::timestamptz, expires_at = sqlc.narg(expires_at)::timestamptz WHERE key_id = @key_id;

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

-- name: APIKeyComparison :one
-- How many live keys belong to people, and when people were last compared.
SELECT k.keys, p.compared_at
FROM (SELECT count(*) AS keys FROM sespan.api_key o WHERE o.owner_id IS NOT NULL AND o.revoked_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > now())) k
LEFT JOIN sespan.people_comparison p ON true;
