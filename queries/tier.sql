-- name: TierList :many
SELECT * FROM sespan.transaction_tier ORDER BY tier_id;

-- name: TierByID :one
SELECT * FROM sespan.transaction_tier WHERE tier_id = @tier_id;

-- name: TierSave :one
-- Locks the tier's row when it exists, so it waits for draws of that tier if it
-- has limits. SP004 and 23P01 as tier_save says.
SELECT * FROM sespan.tier_save(
    sqlc.narg(tier_id)::bigint, @name::text, sqlc.narg(minimum_transaction)::numeric, sqlc.narg(maximum_transaction)::numeric,
    @probability::numeric, @discount::numeric, @is_active::boolean, sqlc.narg(starts_at)::timestamptz, sqlc.narg(ends_at)::timestamptz,
    sqlc.narg(maximum_discount)::numeric, sqlc.narg(budget_amount)::numeric, sqlc.narg(budget_uses)::bigint,
    sqlc.narg(per_customer_uses)::integer, sqlc.narg(per_customer_draws)::integer);

-- name: TierDelete :one
SELECT sespan.tier_delete(@tier_id::bigint)::boolean AS deleted;

-- name: TierLockAll :many
-- The whole set is about to be replaced: two replacers take turns, and in the
-- order of the ids they cannot deadlock with draws, which lock the same way.
SELECT tier_id FROM sespan.transaction_tier ORDER BY tier_id FOR UPDATE;

-- name: TierOverlapDeferred :exec
-- Until TierOverlapImmediate two tiers may change places; the overlap constraint
-- is the only deferrable one that this transaction touches.
SET CONSTRAINTS ALL DEFERRED;

-- name: TierOverlapImmediate :exec
SET CONSTRAINTS ALL IMMEDIATE;

-- Active tiers in which a customer may draw more often a day than @usual; NULL is no limit.
-- name: TierManyDraws :many
SELECT t.name, t.per_customer_draws, t.probability FROM sespan.transaction_tier t
WHERE t.is_active AND (t.ends_at IS NULL OR t.ends_at > now()) AND COALESCE(t.per_customer_draws > @usual::int, true)
ORDER BY t.probability DESC, t.tier_id LIMIT 20;
