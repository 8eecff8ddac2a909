-- Partitions of the log for the days of the year before.
SELECT sespan.partition_make(p::regclass, d::date)
FROM unnest(ARRAY['sespan.api_log', 'sespan.api_log_body']) AS p, generate_series(now() - interval '366 days', now(), '1 day') AS d;
SELECT sespan.tier_save(name => 'Tier ' || i, probability => 0.25, discount => 0.1, is_active => false) FROM generate_series(2, 5) AS i;
