-- Lists and exports of transactions. Every statement is a scan of one index per branch
-- (an outcome, and of a customer a tier), each in the order of time and at most a page
-- long, and a merge of those pages: its cost does not depend on how deep the page lies,
-- nor on how many rows match. Each call is planned for itself. None of them locks.

-- name: TransactionPage :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE t.discounted = b.discounted AND t.transaction_time >= @from_time::timestamptz
      AND (t.transaction_time, t.transaction_id) < (@before_time::timestamptz, @before_id::bigint)
    ORDER BY t.transaction_time DESC, t.transaction_id DESC LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time DESC, l.transaction_id DESC LIMIT @page_rows::integer;

-- name: TransactionPageOfTier :many
-- tier_id 0: those without a tier.
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE (COALESCE(t.tier_id, 0) << 1) + t.discounted::int = (@tier_id::bigint << 1) + b.discounted::int AND t.transaction_time >= @from_time::timestamptz
      AND (t.transaction_time, t.transaction_id) < (@before_time::timestamptz, @before_id::bigint)
    ORDER BY t.transaction_time DESC, t.transaction_id DESC LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time DESC, l.transaction_id DESC LIMIT @page_rows::integer;

-- name: TransactionTiersOfCustomer :many
-- From one tier to the next by the index, so that it reads as many rows as there are tiers.
WITH RECURSIVE tier AS (
    (SELECT COALESCE(l.tier_id, 0) AS tier_id FROM sespan.transaction_log l
     WHERE l.customer_id = @customer_id::bigint ORDER BY COALESCE(l.tier_id, 0) LIMIT 1)
    UNION ALL
    SELECT (SELECT COALESCE(l.tier_id, 0) FROM sespan.transaction_log l
            WHERE l.customer_id = @customer_id::bigint AND COALESCE(l.tier_id, 0) > tier.tier_id ORDER BY COALESCE(l.tier_id, 0) LIMIT 1)
    FROM tier WHERE tier.tier_id IS NOT NULL
)
SELECT tier_id::bigint AS tier_id FROM tier WHERE tier_id IS NOT NULL;

-- name: TransactionPageOfCustomer :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@tier_ids::bigint[]) AS i (tier_id) CROSS JOIN unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE t.customer_id = @customer_id::bigint AND COALESCE(t.tier_id, 0) = i.tier_id AND t.discounted::int = b.discounted::int
      AND t.transaction_time >= @from_time::timestamptz
      AND (t.transaction_time, t.transaction_id) < (@before_time::timestamptz, @before_id::bigint)
    ORDER BY t.transaction_time DESC, t.transaction_id DESC LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time DESC, l.transaction_id DESC LIMIT @page_rows::integer;

-- name: TransactionPageCancelled :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM sespan.transaction_log l
WHERE l.cancelled_at IS NOT NULL AND l.transaction_time >= @from_time::timestamptz
  AND (l.transaction_time, l.transaction_id) < (@before_time::timestamptz, @before_id::bigint)
ORDER BY l.transaction_time DESC, l.transaction_id DESC LIMIT @page_rows::integer;

-- name: TransactionPageOfOrder :many
-- Sorts all customers' orders of that name.
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM sespan.transaction_log l
WHERE l.order_ref = @order_ref::text AND (sqlc.narg(customer_id)::bigint IS NULL OR l.customer_id = sqlc.narg(customer_id)::bigint)
  AND l.transaction_time >= @from_time::timestamptz
  AND (l.transaction_time, l.transaction_id) < (@before_time::timestamptz, @before_id::bigint)
ORDER BY l.transaction_time DESC, l.transaction_id DESC LIMIT @page_rows::integer;

-- name: TransactionByID :one
SELECT l.*, COALESCE(sespan.tier_name(l.tier_id), '')::text AS tier_name, e.seed_hash, e.seed
FROM sespan.transaction_log l LEFT JOIN sespan.draw_epoch e ON e.draw_epoch = l.draw_epoch
WHERE l.transaction_id = @transaction_id;

-- name: TransactionCancel :one
-- Locks the tier, if it has limits, then the row; no row for an unknown id.
SELECT transaction_id FROM sespan.transaction_cancel(@transaction_id);

-- name: TierNames :many
-- Deleted tiers have their last one.
SELECT i.tier_id::bigint AS tier_id, COALESCE(sespan.tier_name(i.tier_id), '')::text AS name FROM unnest(@tier_ids::bigint[]) AS i (tier_id);
