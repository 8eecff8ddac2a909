-- What a draw costs when it is written for one order at a time, without any of
-- our services: one statement, one transaction, one commit. The number comes from
-- the caller, as in ours.
INSERT INTO sespan.transaction_log (
    customer_id, order_ref, tier_id, username, discounted, transaction_amount, discounted_amount, transaction_time,
    draw_version, draw_epoch, client_nonce, draw_number, draw_threshold)
SELECT u.id, $2, t.tier_id, u.username, x.won, $3::numeric, $3::numeric - CASE WHEN x.won THEN round($3::numeric * t.discount, 2) ELSE 0 END, now(),
       1, (now() AT TIME ZONE 'UTC')::date, '', $4::numeric, x.threshold
FROM public.auth_user u, sespan.transaction_tier t,
     LATERAL (SELECT floor(t.probability * 18446744073709551616) AS threshold, $4::numeric < floor(t.probability * 18446744073709551616) AS won) x
WHERE u.id = $1 AND t.is_active
  AND (t.minimum_transaction IS NULL OR t.minimum_transaction <= $3::numeric)
  AND (t.maximum_transaction IS NULL OR t.maximum_transaction > $3::numeric)
ON CONFLICT (customer_id, order_ref) DO NOTHING
RETURNING transaction_id, tier_id, discounted, discounted_amount
