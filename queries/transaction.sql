-- name: DrawEpochToday :one
-- No row: nobody has made the seed of this day yet.
SELECT draw_epoch, sealed_seed, seed_hash FROM sespan.draw_epoch WHERE draw_epoch = sespan.draw_epoch_today();

-- name: DrawEpochMissing :many
SELECT day::date AS draw_epoch
FROM generate_series(0, @days::int) AS n (n)
CROSS JOIN LATERAL (SELECT sespan.draw_epoch_today() + n.n AS day) AS d
WHERE NOT EXISTS (SELECT FROM sespan.draw_epoch e WHERE e.draw_epoch = d.day)
ORDER BY day;

-- name: DrawEpochSealed :many
-- Those that are not published: a few, or as many as there are days since the first draw.
SELECT draw_epoch, sealed_seed, seed_hash FROM sespan.draw_epoch WHERE seed IS NULL ORDER BY draw_epoch;

-- name: DrawEpochReseal :exec
-- Locks the row of the day; a draw only reads it. What another process has sealed anew stays.
UPDATE sespan.draw_epoch SET sealed_seed = @resealed WHERE draw_epoch = @draw_epoch AND sealed_seed = @sealed_seed AND seed IS NULL;

-- name: DrawEpochInsert :execrows
-- The first process that makes a day's seed wins; the others' seeds are dropped.
INSERT INTO sespan.draw_epoch (draw_epoch, sealed_seed, seed_hash)
SELECT unnest(@draw_epochs::date[]), unnest(@sealed_seeds::bytea[]), unnest(@seed_hashes::bytea[])
ON CONFLICT DO NOTHING;

-- name: TransactionDraw :many
-- Locks the matching tiers with limits in the order of their ids, then inserts
-- the orders in one order of their keys: see the function. Needs a READ COMMITTED
-- transaction of its own, for the log rows that are committed with it.
SELECT fresh::boolean AS fresh, transaction_id::bigint AS transaction_id, customer_id::bigint AS customer_id, order_ref::text AS order_ref,
       tier_id, discounted::boolean AS discounted, transaction_amount, discounted_amount, transaction_time::timestamptz AS transaction_time
FROM sespan.transaction_draw(
    @draw_epoch::date, @draw_version::smallint, @minor_digits::integer, @customer_ids::bigint[], @order_refs::text[],
    @amounts::numeric[], @client_nonces::text[], @draw_numbers::numeric[]);
