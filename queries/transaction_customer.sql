-- name: TransactionCustomerSumsBegin :exec
-- Of this transaction: its time, and a plan for the filters that it has.
SELECT set_config('statement_timeout', @milliseconds::text, true), set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: TransactionCustomerSums :many
-- Reads every row of the range, once for the draws and once for the cancellations, and
-- sorts the sums of all customers; locks nothing. The totals stand in every row.
WITH entry AS (
    SELECT l.customer_id, l.transaction_id, 1 AS draws, l.discounted::int AS wins, (l.capped_by IS NOT NULL)::int AS capped,
           l.transaction_amount AS amount, l.transaction_amount - l.discounted_amount AS discount,
           0 AS cancelled, 0 AS cancelled_wins, 0::numeric AS cancelled_amount, 0::numeric AS cancelled_discount
    FROM sespan.transaction_log l
    WHERE l.transaction_time >= @from_time::timestamptz AND l.transaction_time < @to_time::timestamptz
      AND (sqlc.narg(tier_id)::bigint IS NULL OR COALESCE(l.tier_id, 0) = sqlc.narg(tier_id)::bigint)
      AND (sqlc.narg(customer_id)::bigint IS NULL OR l.customer_id = sqlc.narg(customer_id)::bigint)
    UNION ALL
    SELECT l.customer_id, l.transaction_id, 0, 0, 0, 0, 0,
           1, l.discounted::int, l.transaction_amount, l.transaction_amount - l.discounted_amount
    FROM sespan.transaction_log l
    WHERE l.cancelled_at >= @from_time::timestamptz AND l.cancelled_at < @to_time::timestamptz
      AND (sqlc.narg(tier_id)::bigint IS NULL OR COALESCE(l.tier_id, 0) = sqlc.narg(tier_id)::bigint)
      AND (sqlc.narg(customer_id)::bigint IS NULL OR l.customer_id = sqlc.narg(customer_id)::bigint)
), summed AS (
    SELECT e.customer_id, max(e.transaction_id) AS last_id, sum(e.draws) AS draws, sum(e.wins) AS wins, sum(e.capped) AS capped,
           sum(e.amount) AS amount, sum(e.discount) AS discount, sum(e.cancelled) AS cancelled, sum(e.cancelled_wins) AS cancelled_wins,
           sum(e.cancelled_amount) AS cancelled_amount, sum(e.cancelled_discount) AS cancelled_discount
    FROM entry e GROUP BY e.customer_id
), largest AS (
    SELECT s.*, sum(s.draws) OVER () AS all_draws, sum(s.wins) OVER () AS all_wins, sum(s.capped) OVER () AS all_capped,
           sum(s.amount) OVER () AS all_amount, sum(s.discount) OVER () AS all_discount, sum(s.cancelled) OVER () AS all_cancelled,
           sum(s.cancelled_wins) OVER () AS all_cancelled_wins, sum(s.cancelled_amount) OVER () AS all_cancelled_amount,
           sum(s.cancelled_discount) OVER () AS all_cancelled_discount
    FROM summed s ORDER BY s.amount - s.cancelled_amount DESC, s.customer_id LIMIT @most::integer
)
SELECT g.customer_id, l.username, g.draws::bigint AS draws, g.wins::bigint AS wins, g.capped::bigint AS capped, g.amount::numeric AS amount,
       g.discount::numeric AS discount, g.cancelled::bigint AS cancelled, g.cancelled_wins::bigint AS cancelled_wins,
       g.cancelled_amount::numeric AS cancelled_amount, g.cancelled_discount::numeric AS cancelled_discount,
       g.all_draws::bigint AS all_draws, g.all_wins::bigint AS all_wins, g.all_capped::bigint AS all_capped, g.all_amount::numeric AS all_amount,
       g.all_discount::numeric AS all_discount, g.all_cancelled::bigint AS all_cancelled, g.all_cancelled_wins::bigint AS all_cancelled_wins,
       g.all_cancelled_amount::numeric AS all_cancelled_amount, g.all_cancelled_discount::numeric AS all_cancelled_discount
FROM largest g JOIN sespan.transaction_log l ON l.transaction_id = g.last_id
ORDER BY g.amount - g.cancelled_amount DESC, g.customer_id;
