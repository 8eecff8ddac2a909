-- The counts of what was filled in, as the triggers would have appended them, and codes
-- and mails in every quarter of the year.
INSERT INTO sespan.stats_api (bucket, request_type, outcome, bin, calls, elapsed_us)
SELECT date_bin('15 minutes', time_requested, '2000-01-01 00:00+00'), request_type, outcome, 1, count(*), count(*) * 7000 FROM sespan.api_log GROUP BY 1, 2, 3;
INSERT INTO sespan.stats_transaction (bucket, tier_id, draws, wins, capped, threshold, amount, discount)
SELECT date_bin('15 minutes', transaction_time, '2000-01-01 00:00+00'), tier_id, count(*), count(*) FILTER (WHERE discounted), 0, sum(draw_threshold),
       sum(transaction_amount), sum(transaction_amount - discounted_amount)
FROM sespan.transaction_log GROUP BY 1, 2;
INSERT INTO sespan.stats_transaction (bucket, tier_id, cancelled, cancelled_wins, cancelled_amount, cancelled_discount)
SELECT date_bin('15 minutes', cancelled_at, '2000-01-01 00:00+00'), tier_id, count(*), count(*) FILTER (WHERE discounted), sum(transaction_amount),
       sum(transaction_amount - discounted_amount)
FROM sespan.transaction_log WHERE cancelled_at IS NOT NULL GROUP BY 1, 2;
INSERT INTO sespan.stats_otp (bucket, purpose, issued, resent, verified, failed, locked, expired)
SELECT q, p, 10, 1, 8, 2, 0, 1
FROM generate_series(date_bin('15 minutes', now() - interval '365 days', '2000-01-01 00:00+00'), now(), '15 minutes') AS q, unnest(ARRAY['login', 'registration']) AS p;
INSERT INTO sespan.stats_mail (bucket, outcome, mails)
SELECT q, o, 5
FROM generate_series(date_bin('15 minutes', now() - interval '365 days', '2000-01-01 00:00+00'), now(), '15 minutes') WITH ORDINALITY AS g (q, i),
    unnest(ARRAY['sent', 'retried', 'dead', 'suppressed', 'expired', 'cancelled'], ARRAY[1, 2, 4, 10, 40, 40]) AS o (o, every)
WHERE i % every = 0;
