-- The entries of an export, oldest first: draws by transaction_time, cancellations by
-- cancelled_at. As the pages of a list, each is scans of one index and a merge.

-- name: TransactionSettled :one
-- Looks for announced transactions in pg_locks; waits for none.
SELECT sespan.transaction_settled()::timestamptz AS settled;

-- name: TransactionEntries :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE t.discounted = b.discounted AND t.transaction_time < @until::timestamptz
      AND (t.transaction_time, t.transaction_id) > (@after_time::timestamptz, @after_id::bigint)
    ORDER BY t.transaction_time, t.transaction_id LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time, l.transaction_id LIMIT @page_rows::integer;

-- name: TransactionEntriesOfTier :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE (COALESCE(t.tier_id, 0) << 1) + t.discounted::int = (@tier_id::bigint << 1) + b.discounted::int AND t.transaction_time < @until::timestamptz
      AND (t.transaction_time, t.transaction_id) > (@after_time::timestamptz, @after_id::bigint)
    ORDER BY t.transaction_time, t.transaction_id LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time, l.transaction_id LIMIT @page_rows::integer;

-- name: TransactionEntriesOfCustomer :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM unnest(@tier_ids::bigint[]) AS i (tier_id) CROSS JOIN unnest(@outcomes::boolean[]) AS b (discounted)
CROSS JOIN LATERAL (
    SELECT * FROM sespan.transaction_log t
    WHERE t.customer_id = @customer_id::bigint AND COALESCE(t.tier_id, 0) = i.tier_id AND t.discounted::int = b.discounted::int
      AND t.transaction_time < @until::timestamptz
      AND (t.transaction_time, t.transaction_id) > (@after_time::timestamptz, @after_id::bigint)
    ORDER BY t.transaction_time, t.transaction_id LIMIT @page_rows::integer) AS l
ORDER BY l.transaction_time, l.transaction_id LIMIT @page_rows::integer;

-- name: TransactionCancellations :many
SELECT l.transaction_id, l.customer_id, l.username, l.order_ref, l.tier_id, l.discounted, l.capped_by,
       l.transaction_amount, l.discounted_amount, l.transaction_time, l.cancelled_at
FROM sespan.transaction_log l
WHERE l.cancelled_at IS NOT NULL AND l.cancelled_at < @until::timestamptz
  AND (l.cancelled_at, l.transaction_id) > (@after_time::timestamptz, @after_id::bigint)
ORDER BY l.cancelled_at, l.transaction_id LIMIT @page_rows::integer;
