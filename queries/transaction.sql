-- name: DrawEpochToday :one
-- No row: nobody has made the seed of this day yet.
SELECT draw_epoch, sealed_seed, seed_hash FROM sespan.draw_epoch WHERE draw_epoch = sespan.draw_epoch_today();

-- name: DrawEpochMissing :many
SELECT day::date AS draw_epoch
FROM generate_series(0, @days::int) AS n (n)
CROSS JOIN LATERAL (SELECT sespan.draw_epoch_today() + n.n AS day) AS d
WHERE NOT EXISTS (SELECT FROM sespan.draw_epoch e WHERE e.draw_epoch = d.day)
ORDER BY day;

-- name: DrawEpochInsert :execrows
-- The first process that makes a day's seed wins; the others' seeds are dropped.
INSERT INTO sespan.draw_epoch (draw_epoch, sealed_seed, seed_hash)
SELECT unnest(@draw_epochs::date[]), unnest(@sealed_seeds::bytea[]), unnest(@seed_hashes::bytea[])
ON CONFLICT DO NOTHING;

-- name: TransactionLockTiers :many
-- Locks, in the order of their ids, the tiers with limits that these amounts
-- belong to, until the end of the transaction: whoever draws them next sees what
-- these draws used. Tiers without limits are not locked.
SELECT t.tier_id FROM sespan.transaction_tier t
WHERE t.is_active AND t.is_capped
  AND tstzrange(t.starts_at, t.ends_at) @> sespan.draw_clock()
  AND EXISTS (SELECT FROM unnest(@amounts::numeric[]) AS a (amount)
              WHERE numrange(t.minimum_transaction, t.maximum_transaction) @> a.amount)
ORDER BY t.tier_id
FOR NO KEY UPDATE;

-- name: TransactionDraw :many
-- Draws many orders. It must follow TransactionLockTiers in the same READ
-- COMMITTED transaction, so that its snapshot holds everything that the limits
-- have counted. Rows are inserted in the order of their key: two of these
-- statements with the same orders wait for each other but cannot deadlock.
-- Gives the orders drawn now (fresh) and those of before; an order without a row
-- has an unknown customer or was drawn by another transaction this very moment.
-- SP002 when the epoch is not today's.
WITH item AS MATERIALIZED (
    SELECT unnest(@ordinals::int[]) AS ordinal, unnest(@customer_ids::bigint[]) AS customer_id,
           unnest(@order_refs::text[]) AS order_ref, unnest(@amounts::numeric[]) AS amount,
           unnest(@client_nonces::text[]) AS client_nonce, unnest(@draw_numbers::numeric[]) AS draw_number
), earlier AS MATERIALIZED (
    SELECT l.* FROM item i
    JOIN sespan.transaction_log l ON l.customer_id = i.customer_id AND l.order_ref = i.order_ref COLLATE "C"
), candidate AS (
    SELECT i.*, c.username, t.tier_id, floor(t.probability * 18446744073709551616) AS draw_threshold,
           LEAST(round(i.amount * t.discount, @minor_digits::int), trunc(t.maximum_discount, @minor_digits::int)) AS saving,
           t.budget_uses, t.budget_amount, t.per_customer_uses, t.per_customer_draws,
           CASE WHEN t.per_customer_draws IS NOT NULL THEN (
               SELECT count(*) FROM sespan.transaction_log l
               WHERE l.tier_id = t.tier_id AND l.customer_id = i.customer_id AND l.draw_epoch = @draw_epoch::date) END AS customer_draws,
           CASE WHEN t.per_customer_uses IS NOT NULL THEN (
               SELECT count(*) FROM sespan.transaction_log l
               WHERE l.tier_id = t.tier_id AND l.customer_id = i.customer_id AND l.discounted) END AS customer_uses
    FROM item i
    CROSS JOIN LATERAL sespan.customer_by_id(i.customer_id) AS c
    LEFT JOIN sespan.transaction_tier t ON t.is_active
        AND numrange(t.minimum_transaction, t.maximum_transaction) @> i.amount
        AND tstzrange(t.starts_at, t.ends_at) @> sespan.draw_clock()
    WHERE sespan.draw_epoch_check(@draw_epoch::date)
      AND NOT EXISTS (SELECT FROM earlier e WHERE e.customer_id = i.customer_id AND e.order_ref = i.order_ref COLLATE "C")
), drawing AS (
    SELECT c.*, COALESCE(c.draw_number < c.draw_threshold, false) AS below,
           COALESCE(c.customer_draws + row_number() OVER w <= c.per_customer_draws, true) AS within_draws
    FROM candidate c
    WINDOW w AS (PARTITION BY c.tier_id, c.customer_id ORDER BY c.ordinal)
), customer_limit AS (
    SELECT d.*, d.below AND d.within_draws AS wins_1,
           COALESCE(d.customer_uses + sum((d.below AND d.within_draws)::int) OVER w <= d.per_customer_uses, true) AS within_customer
    FROM drawing d
    WINDOW w AS (PARTITION BY d.tier_id, d.customer_id ORDER BY d.ordinal ROWS UNBOUNDED PRECEDING)
), use_limit AS (
    SELECT d.*, d.wins_1 AND d.within_customer AS wins_2, u.amount AS used_amount,
           COALESCE(u.uses + sum((d.wins_1 AND d.within_customer)::int) OVER w <= d.budget_uses, true) AS within_uses
    FROM customer_limit d
    LEFT JOIN sespan.transaction_tier_usage u ON u.tier_id = d.tier_id
    WINDOW w AS (PARTITION BY d.tier_id ORDER BY d.ordinal ROWS UNBOUNDED PRECEDING)
), amount_limit AS (
    SELECT d.*, COALESCE(d.used_amount + sum(CASE WHEN d.wins_2 AND d.within_uses THEN d.saving ELSE 0 END) OVER w <= d.budget_amount, true) AS within_amount
    FROM use_limit d
    WINDOW w AS (PARTITION BY d.tier_id ORDER BY d.ordinal ROWS UNBOUNDED PRECEDING)
), fresh AS (
    INSERT INTO sespan.transaction_log (
        customer_id, order_ref, tier_id, username, discounted, transaction_amount, discounted_amount, transaction_time,
        capped_by, draw_version, draw_epoch, client_nonce, draw_number, draw_threshold)
    SELECT d.customer_id, d.order_ref, d.tier_id, d.username,
           d.wins_2 AND d.within_uses AND d.within_amount, d.amount,
           d.amount - CASE WHEN d.wins_2 AND d.within_uses AND d.within_amount THEN d.saving ELSE 0 END,
           sespan.draw_clock(),
           CASE WHEN NOT d.below THEN NULL
                WHEN NOT d.within_draws THEN 'per_customer_draws'
                WHEN NOT d.within_customer THEN 'per_customer_uses'
                WHEN NOT d.within_uses THEN 'budget_uses'
                WHEN NOT d.within_amount THEN 'budget_amount' END,
           @draw_version::smallint, @draw_epoch::date, d.client_nonce, d.draw_number, d.draw_threshold
    FROM amount_limit d
    ORDER BY d.customer_id, d.order_ref COLLATE "C"
    ON CONFLICT (customer_id, order_ref) DO NOTHING
    RETURNING *
), spent AS (
    UPDATE sespan.transaction_tier_usage u
    SET uses = u.uses + s.uses, amount = u.amount + s.amount
    FROM (SELECT f.tier_id, count(*) AS uses, sum(f.transaction_amount - f.discounted_amount) AS amount
          FROM fresh f WHERE f.discounted GROUP BY f.tier_id) AS s
    WHERE u.tier_id = s.tier_id
)
SELECT true AS fresh, f.transaction_id, f.customer_id, f.order_ref, f.tier_id, f.discounted, f.transaction_amount,
       f.discounted_amount, f.transaction_time, COALESCE(t.is_capped, false)::boolean AS is_capped
FROM fresh f LEFT JOIN sespan.transaction_tier t ON t.tier_id = f.tier_id
UNION ALL
SELECT false, e.transaction_id, e.customer_id, e.order_ref, e.tier_id, e.discounted, e.transaction_amount,
       e.discounted_amount, e.transaction_time, false
FROM earlier e;

-- name: TransactionByOrder :many
SELECT l.transaction_id, l.customer_id, l.order_ref, l.tier_id, l.discounted, l.transaction_amount, l.discounted_amount, l.transaction_time
FROM (SELECT unnest(@customer_ids::bigint[]) AS customer_id, unnest(@order_refs::text[]) AS order_ref) AS i
JOIN sespan.transaction_log l ON l.customer_id = i.customer_id AND l.order_ref = i.order_ref COLLATE "C";
