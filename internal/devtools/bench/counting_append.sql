INSERT INTO sespan.stats_api (bucket, request_type, outcome, bin, calls, elapsed_us)
SELECT pg_catalog.date_bin('15 minutes', now() - make_interval(mins => i % 1000), '2000-01-01 00:00+00'), 'OTP', 'success', i % 11, 1, 1000
FROM generate_series(1, $1::int) i
