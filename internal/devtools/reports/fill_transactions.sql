-- Rows $1 to $2 of $3, over the year before now: five tiers of which the last is rare,
-- some without a tier, one in fifty cancelled a day later.
INSERT INTO sespan.transaction_log (customer_id, order_ref, tier_id, username, discounted, transaction_amount, discounted_amount,
    transaction_time, cancelled_at, draw_version, draw_epoch, client_nonce, draw_number, draw_threshold)
SELECT i % 50000 + 1, 'bench-' || i, x.tier, 'user' || i % 50000 + 1, x.won, 100 + i % 900, CASE WHEN x.won THEN (100 + i % 900) * 0.9 ELSE 100 + i % 900 END,
       x.at, CASE WHEN i % 50 = 0 AND x.at < now() - interval '1 day' THEN x.at + interval '1 day' END, 1, (x.at AT TIME ZONE 'UTC')::date, '',
       CASE WHEN x.won THEN 1 ELSE 9223372036854775808 END, CASE WHEN x.tier IS NOT NULL THEN 4611686018427387904 END
FROM generate_series($1::bigint, $2::bigint) AS i
CROSS JOIN LATERAL (SELECT now() - interval '365 days' + interval '365 days' * (i::float8 / $3::bigint) - interval '1 minute' AS at,
    CASE WHEN i % 1000 = 7 THEN 5 WHEN i % 10 = 9 THEN NULL ELSE i % 4 + 1 END AS tier) AS t
CROSS JOIN LATERAL (SELECT t.at, t.tier, t.tier IS NOT NULL AND i % 4 = (i / 4) % 4 AS won) AS x
